package mcp

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decode is the text that stands between the quotes of a sound JSON string. What is no character (invalid UTF-8, half a
// surrogate pair) becomes U+FFFD and is counted.
func decode(in string) (text string, broken int) {
	if strings.IndexByte(in, '\\') < 0 && utf8.ValidString(in) {
		return in, 0
	}
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); {
		r, n := utf8.DecodeRuneInString(in[i:])
		half := r == utf8.RuneError && n == 1
		if in[i] == '\\' {
			r, n, half = unescape(in[i:])
		}
		if half {
			broken++
		}
		out, i = utf8.AppendRune(out, r), i+n
	}
	return string(out), broken
}

// unescape decodes the escape that s begins with, a pair of surrogates as one. Half a pair is U+FFFD.
func unescape(s string) (r rune, size int, half bool) {
	switch s[1] {
	case 'b':
		return '\b', 2, false
	case 'f':
		return '\f', 2, false
	case 'n':
		return '\n', 2, false
	case 'r':
		return '\r', 2, false
	case 't':
		return '\t', 2, false
	case 'u':
	default:
		return rune(s[1]), 2, false
	}
	r, _ = hex4(s[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6, false
	}
	if strings.HasPrefix(s[6:], `\u`) {
		low, ok := hex4(s[8:])
		if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
			return r, 12, false
		}
	}
	return utf8.RuneError, 6, true
}

// hex4 reads the four digits that s begins with.
func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		b := s[i]
		switch {
		case b >= '0' && b <= '9':
			r = r<<4 | rune(b-'0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			r = r<<4 | rune(b|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// mended is a sound JSON text in which everything that is no character is U+FFFD: bytes that are not UTF-8, and halves of
// surrogate pairs.
func mended(raw []byte) string {
	text := strings.ToValidUTF8(string(raw), "\ufffd")
	if !strings.Contains(text, `\ud`) && !strings.Contains(text, `\uD`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		n, half := 1, false
		if text[i] == '\\' {
			_, n, half = unescape(text[i:])
		}
		if half {
			b.WriteString("\ufffd")
		} else {
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}
