package scan

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plain reports whether folding changes nothing that matters: ASCII without escape sequences.
func plain(t string) bool {
	for i := range len(t) {
		if t[i] >= utf8.RuneSelf || t[i] == 0x1b {
			return false
		}
	}
	return true
}

// fold brings the disguises of a text together: NFKC, letters that look like Latin ones in words that mix scripts,
// characters nobody sees and terminal sequences left out, tag characters read as the ASCII they stand for.
func fold(t string) string {
	t = norm.NFKC.String(stripEscapes(t))
	var b strings.Builder
	b.Grow(len(t))
	for i := 0; i < len(t); {
		r, n := utf8.DecodeRuneInString(t[i:])
		switch {
		case r >= 0xe0020 && r <= 0xe007e:
			b.WriteByte(byte(r - 0xe0000))
		case unseen(r):
		case r == 0x2019 || r == 0x2bc || r == 0x2018 || r == 0xb4:
			b.WriteByte('\'')
		case unicode.IsLetter(r):
			end := wordEndRune(t, i)
			b.WriteString(latin(t[i:end]))
			i = end
			continue
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return strings.ToLower(b.String())
}

// unseen reports whether a character has no shape of its own.
func unseen(r rune) bool {
	if r < 0xad {
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector) || r == 0x34f || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 || r == 0x2800
}

func wordEndRune(t string, i int) int {
	for i < len(t) {
		r, n := utf8.DecodeRuneInString(t[i:])
		if !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) && !unseen(r) {
			return i
		}
		i += n
	}
	return i
}

// latin maps a word to Latin letters when it mixes them with others that look like them, or is made of such alone.
func latin(w string) string {
	if ascii(w) {
		return w
	}
	var b strings.Builder
	mixed, alike, other := false, false, false
	for _, r := range w {
		switch l := lookalike(r); {
		case unseen(r):
		case r < utf8.RuneSelf:
			mixed = true
			b.WriteByte(byte(r))
		case l != 0:
			alike = true
			b.WriteByte(l)
		default:
			other = other || !unicode.Is(unicode.Latin, r)
			b.WriteRune(r)
		}
	}
	if alike && (mixed || !other) {
		return b.String()
	}
	return strings.Map(func(r rune) rune {
		if unseen(r) {
			return -1
		}
		return r
	}, w)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// lookalikes are the small Latin letters that Cyrillic, Greek and other letters look like (from Unicode's confusables).
var lookalikes = newLookalikes(
	"аАеЕоОрРсСуУхХіІјЈѕЅԁһНКкмТтВвԛԝգոսհքΑαΒΕεΖΗΙιΚκΜΝνΟοΡρΤτΥυΧχɡıǃⅼᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ",
	"aaeeooppccyyxxiijjssdhhkkmttbbqwgnuhqaabeezhiikkmnvooppttyuxxgiilabcdefghijklmnoprstuvwyz")

func newLookalikes(from, to string) map[rune]byte {
	m := map[rune]byte{}
	i := 0
	for _, r := range from {
		m[r] = to[i]
		i++
	}
	return m
}

// lookalike is the Latin letter that another looks like, or 0.
func lookalike(r rune) byte {
	if r < 0x131 || r >= 0x2e80 && r < 0xa700 {
		return 0
	}
	return lookalikes[r]
}

// stripEscapes takes terminal sequences out: ESC [ … letter, ESC ] … BEL or ESC \, and two-character ones.
func stripEscapes(t string) string {
	if strings.IndexByte(t, 0x1b) < 0 {
		return t
	}
	var b strings.Builder
	b.Grow(len(t))
	for i := 0; i < len(t); {
		if t[i] != 0x1b {
			b.WriteByte(t[i])
			i++
			continue
		}
		i = escapeEnd(t, i)
	}
	return b.String()
}

// escapeEnd is where the terminal sequence at i ends. An operating system command that never ends is only its first two
// bytes.
func escapeEnd(t string, i int) int {
	if i+1 >= len(t) {
		return i + 1
	}
	switch t[i+1] {
	case '[':
		for j := i + 2; j < len(t) && j < i+64; j++ {
			if t[j] >= 0x40 && t[j] <= 0x7e {
				return j + 1
			}
		}
		return i + 2
	case ']', 'P', '_', '^':
		for j := i + 2; j < len(t) && j < i+4096; j++ {
			if t[j] == 0x07 {
				return j + 1
			}
			if t[j] == 0x1b {
				if j+1 < len(t) && t[j+1] == '\\' {
					return j + 2
				}
				break
			}
		}
		return i + 2
	}
	if t[i+1] >= 0x20 && t[i+1] < 0x7f {
		return i + 2
	}
	return i + 1
}

// hiddenText finds text in characters nobody sees: tag characters that are no flag, long runs of zero-width characters or
// variation selectors, and overrides of direction.
func (s *scanner) hiddenText() {
	t := s.text
	tags, zero, zeroFrom := 0, 0, 0
	for i := 0; i < len(t); {
		if t[i] < utf8.RuneSelf {
			i++
			zero = 0
			continue
		}
		r, n := utf8.DecodeRuneInString(t[i:])
		switch {
		case r == 0x1f3f4: // a flag of a region: its tags are no text
			if end := flagEnd(t, i+n); end > 0 {
				i = end
				continue
			}
		case r >= 0xe0020 && r <= 0xe007e:
			if tags++; tags == 4 {
				s.found(HiddenText, i, i+n)
			}
		case r == 0x202d || r == 0x202e:
			s.found(HiddenText, i, i+n)
		case r >= 0x200b && r <= 0x200d, r >= 0x2060 && r <= 0x2064, r == 0xfeff, r >= 0xe0100 && r <= 0xe01ef, r >= 0xfe00 && r <= 0xfe0f:
			if zero == 0 {
				zeroFrom = i
			}
			if zero++; zero == 8 {
				s.found(HiddenText, zeroFrom, i+n)
			}
			i += n
			continue
		}
		zero = 0
		i += n
	}
}

// flagEnd is where the tags behind a black flag end, for the three flags that are in use; else 0.
func flagEnd(t string, i int) int {
	for _, region := range [...]string{"gbeng", "gbsct", "gbwls"} {
		k, ok := i, true
		for j := 0; j < len(region) && ok; j++ {
			r, n := utf8.DecodeRuneInString(t[k:])
			ok = r == 0xe0000+rune(region[j])
			k += n
		}
		if r, n := utf8.DecodeRuneInString(t[k:]); ok && r == 0xe007f {
			return k + n
		}
	}
	return 0
}
