package mcp

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What a footer's sign reads as when disguises are taken away, letter by letter.
const (
	signOpen = '['
	signName = "agentmesh"
	// defused is what stands in the place of an imitated sign; it reads as none.
	defused = "[not " + signName
)

// defuse takes the sign of a footer out of a text: "[agentmesh", in any case, with letters that look alike, and whatever
// cannot be seen, blanks and marks of emphasis between. It returns how many there were; the text itself where there were
// none.
func defuse(s string) (string, int) {
	var b strings.Builder
	last, n := 0, 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf && c != signOpen {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !opens(r) {
			i += size
			continue
		}
		end := signEnd(s, i+size)
		if end == 0 {
			i += size
			continue
		}
		b.WriteString(s[last:i])
		b.WriteString(defused)
		n++
		last, i = end, end
	}
	if n == 0 {
		return s, 0
	}
	b.WriteString(s[last:])
	return b.String(), n
}

// signEnd is where the sign's name ends whose bracket ends at i, 0 where no name stands there. A longer word is another.
func signEnd(s string, i int) int {
	end, k := spell(s, i, 0)
	if k < len(signName) {
		return 0
	}
	return end
}

// spell reads on in the sign's name from its k-th letter, at i. It gives where the reading ended, at the name's end or the
// text's, and how many letters were read by then; -1 where another word stands there.
func spell(s string, i, k int) (end, letters int) {
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case k == len(signName):
			if continues(r) {
				return i, -1
			}
			return i, k
		case reads(r) == signName[k]:
			k++
		case !between(r):
			return i, -1
		}
		i += size
	}
	return i, k
}

// cutSign is a sign of a footer that texts shown one after the other may make up together.
type cutSign struct {
	// letters of the name were read at the end of the last text, after the bracket; open: there was one.
	letters int
	open    bool
}

// next takes the text that follows. Where it ends the sign that those before began, that end becomes a defused sign; cut is
// how many there were, 0 or 1.
func (p *cutSign) next(s string) (text string, cut int) {
	from := 0
	if p.open {
		end, k := spell(s, 0, p.letters)
		switch {
		case k == len(signName):
			s, from, cut = defused+s[end:], len(defused), 1
		case k >= 0: // all of it
			p.letters = k
			return s, 0
		}
	}
	p.begin(s[from:])
	return s, cut
}

// begin looks for a sign that the end of a text begins.
func (p *cutSign) begin(s string) {
	*p = cutSign{}
	for i := len(s); i > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		if opens(r) {
			_, k := spell(s, i, 0)
			p.open, p.letters = k >= 0 && k < len(signName), max(k, 0)
			return
		}
		if !between(r) && !strings.ContainsRune(signName, rune(reads(r))) {
			return
		}
		i -= size
	}
}

// opens reports whether a character passes for a square bracket that opens.
func opens(r rune) bool {
	switch r {
	case '[', '［', '【', '〔', '〖', '〘', '〚', '⟦', '⟬', '⁅', '❲', '⦋', '⦍', '⦏', '「', '『', '｢', '⌈', '⌊', '﹝', '⎡', '⎣', '⸢', '⹕', '⹗':
		return true
	}
	return false
}

// between reports whether a character may stand within a sign without being part of it.
func between(r rune) bool {
	switch r {
	case '-', '_', '*', '.', '`', '\'', '"', '\\', '~', '·', '‐', '‑', '–', '\u2800', '\u3164', '\uffa0', '\u115f', '\u1160':
		return true
	}
	return unicode.IsSpace(r) || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Cc)
}

func continues(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// alike are, for each letter of the sign's name, characters that look like it and do not decompose to it (from Unicode's
// table of confusables); digits stand for the letters they imitate.
func alike() map[rune]byte {
	table := map[byte]string{
		'a': "аαɑᴀ⍺ΑАᗅꓮаᎪ4@",
		'g': "ɡցɢԍƍᶃᏀᏳꓖ9ġ",
		'e': "еεҽᴇ℮ꬲΕЕⴹᎬꓰєЄ3ɛ",
		'n': "ոռɴηпΝꓠⲚᴎ",
		't': "тτᴛтΤТꓔᎢ7+†ƭ",
		'm': "мᴍΜМꓟϺᎷⅿ",
		's': "ѕꜱᏚՏЅꓢ5$ʂƽ",
		'h': "һհНΗʜᏂᏲᎻꓧнⱨћ",
	}
	out := map[rune]byte{}
	for letter, runes := range table {
		for _, r := range runes {
			if r >= utf8.RuneSelf || !unicode.IsLetter(r) {
				out[r] = letter
			}
		}
	}
	return out
}

var alikeLetters = alike()

// reads is the small Latin letter that a character passes for, or 0.
func reads(r rune) byte {
	if l := alikeLetters[r]; l != 0 {
		return l
	}
	if r < utf8.RuneSelf {
		return byte(unicode.ToLower(r))
	}
	if r >= 0xe0020 && r <= 0xe007e { // tag characters
		return byte(unicode.ToLower(r - 0xe0000))
	}
	d, _ := utf8.DecodeRuneInString(norm.NFKD.String(string(r)))
	if d = unicode.ToLower(d); d < utf8.RuneSelf {
		return byte(d)
	}
	return alikeLetters[d]
}
