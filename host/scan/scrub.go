package scan

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Scrubbed counts what Scrub took out of a text.
type Scrubbed struct {
	Tags      int // Unicode tag characters, but for the three flags that are made of them
	Bidi      int // directional embeddings, overrides and isolates
	Controls  int // C0 and C1 but tab, line feed and carriage return; a terminal sequence counts as one
	ZeroWidth int // zero-width characters outside the scripts that join by them
	Secrets   int // secrets masked
}

// Changed reports whether anything was taken out.
func (s Scrubbed) Changed() bool { return s != Scrubbed{} }

// Add sums two counts.
func (s *Scrubbed) Add(t Scrubbed) {
	s.Tags += t.Tags
	s.Bidi += t.Bidi
	s.Controls += t.Controls
	s.ZeroWidth += t.ZeroWidth
	s.Secrets += t.Secrets
}

// Scrub takes out of a text what people cannot see and, when mask is true, puts "[redacted:KIND]" in place of secrets. A
// text in which there is nothing to do comes back as it is, without allocation. Bytes that are no UTF-8 stay.
//
// What has a use stays: joiners within Arabic, Indic and other joining scripts and within emoji, variation selectors
// behind symbols and ideographs, zero-width spaces between letters of scripts written without spaces, direction marks
// beside letters written from right to left.
func Scrub(text string, mask bool) (string, Scrubbed) {
	var n Scrubbed
	if at := firstUnseen(text); at < len(text) {
		text, n = strip(text, at)
	}
	if mask {
		text, n.Secrets = maskSecrets(text)
	}
	return text, n
}

// firstUnseen is where the first character stands that strip looks at.
func firstUnseen(t string) int {
	for i := 0; i < len(t); {
		b := t[i]
		if b < utf8.RuneSelf {
			if b < ' ' && b != '\t' && b != '\n' && b != '\r' || b == 0x7f {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(t[i:])
		if r >= 0x80 && r < 0xa0 || r > 0x2ff && (unseen(r) || r == 0x1f3f4) {
			return i
		}
		i += n
	}
	return len(t)
}

func strip(t string, at int) (string, Scrubbed) {
	var n Scrubbed
	b := make([]byte, 0, len(t))
	b = append(b, t[:at]...)
	for i := at; i < len(t); {
		r, size := utf8.DecodeRuneInString(t[i:])
		end := i + size
		var count *int
		switch {
		case r == 0x1b:
			count, end = &n.Controls, escapeEnd(t, i)
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0:
			count = &n.Controls
		case r == 0x1f3f4:
			if e := flagEnd(t, end); e > 0 {
				end = e
			}
		case r >= 0xe0000 && r <= 0xe007f:
			count = &n.Tags
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			count = &n.Bidi
		case zeroWidth(r) && !joins(r, b, t[end:]):
			count = &n.ZeroWidth
		}
		if count == nil {
			b = append(b, t[i:end]...)
		} else {
			*count++
		}
		i = end
	}
	if !n.Changed() {
		return t, n
	}
	return string(b), n
}

func zeroWidth(r rune) bool {
	switch {
	case r >= 0x200b && r <= 0x200f, r >= 0x2060 && r <= 0x2065, r == 0xfeff, r == 0x61c, r == 0x180e, r == 0x34f, r == 0x115f, r == 0x1160,
		r == 0x3164, r == 0xffa0, r >= 0x206a && r <= 0x206f, r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef, r >= 0xfff9 && r <= 0xfffb:
		return true
	}
	return false
}

// joins reports whether a zero-width character has a use between what stands before and behind it.
func joins(r rune, before []byte, behind string) bool {
	prev, _ := utf8.DecodeLastRune(before)
	next, _ := utf8.DecodeRuneInString(behind)
	switch {
	case r == 0x200c || r == 0x200d:
		return joining(prev) && (joining(next) || r == 0x200c) || r == 0x200d && pictograph(prev) && pictograph(next)
	case r == 0x200b:
		return spaceless(prev) && spaceless(next)
	case r == 0x200e || r == 0x200f || r == 0x61c:
		return rightToLeft(prev) || rightToLeft(next)
	case r >= 0xfe00 && r <= 0xfe0f:
		return pictograph(prev) || prev >= '0' && prev <= '9' || prev == '#' || prev == '*' || unicode.In(prev, unicode.Han, unicode.Mongolian, unicode.Myanmar, unicode.Phags_Pa, unicode.So, unicode.Sm)
	case r >= 0xe0100 && r <= 0xe01ef:
		return unicode.Is(unicode.Han, prev)
	case r == 0x180e:
		return unicode.Is(unicode.Mongolian, prev)
	}
	return false
}

func joining(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil,
		unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Mongolian, unicode.Syriac, unicode.Nko,
		unicode.Mandaic, unicode.Myanmar, unicode.Tibetan)
}

// pictograph reports whether a character takes part in emoji sequences.
func pictograph(r rune) bool {
	return r >= 0x1f000 && r <= 0x1faff || r >= 0x2190 && r <= 0x2bff || r == 0xfe0f || r == 0x20e3 || r == 0x3030 || r == 0x303d || r == 0x3297 ||
		r == 0x3299 || r == 0xa9 || r == 0xae || r == 0x203c || r == 0x2049 || r == 0x2122 || r == 0x2139
}

func spaceless(r rune) bool {
	return unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Javanese, unicode.Balinese, unicode.Tibetan)
}

func rightToLeft(r rune) bool {
	return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
}

// maskSecrets puts the kind of each secret in its place. What was found in a decoded layer is masked with its carrier.
func maskSecrets(t string) (string, int) {
	if Find(t, Secret).Empty() {
		return t, 0
	}
	found := Scan(nil, t, Secret)
	slices.SortStableFunc(found, func(a, b Finding) int { return a.Start - b.Start })
	var b strings.Builder
	b.Grow(len(t))
	last, n := 0, 0
	for _, f := range found {
		if f.Start < last {
			continue
		}
		b.WriteString(t[last:f.Start])
		b.WriteString("[redacted:" + f.Kind.String() + "]")
		last = f.End
		n++
	}
	b.WriteString(t[last:])
	return b.String(), n
}
