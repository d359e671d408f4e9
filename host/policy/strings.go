package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// lexString reads a string in either kind of quotes and resolves its escapes: \\ \" \' \n \t \r \uXXXX (two of them for a
// character beyond the basic plane). Any other backslash is an error rather than a guess.
func lexString(src string, at int) (token, *syntaxError) {
	var b strings.Builder
	for i := at + 1; i < len(src); {
		switch c := src[i]; {
		case c == src[at]:
			return token{tokenString, b.String(), at, i + 1}, nil
		case c == '\\':
			r, size, err := unescape(src, i)
			if err != nil {
				return token{}, err
			}
			b.WriteRune(r)
			i += size
		case c == '\n' || c == '\r':
			return token{}, syntaxErrorf(at, `a line break inside a string is written \n`, "the string does not end on its line")
		default:
			b.WriteByte(c)
			i++
		}
	}
	return token{}, &syntaxError{offset: at, hint: fmt.Sprintf("close it with %c", src[at]), message: endlessString}
}

const endlessString = "the string does not end"

// unescape reads the escape at a backslash: the character it stands for and the bytes it takes.
func unescape(src string, at int) (r rune, size int, err *syntaxError) {
	if at+1 == len(src) {
		return 0, 0, &syntaxError{offset: at, hint: `a backslash itself is written \\`, message: endlessString}
	}
	switch c := src[at+1]; c {
	case '\\', '"', '\'':
		return rune(c), 2, nil
	case 'n':
		return '\n', 2, nil
	case 't':
		return '\t', 2, nil
	case 'r':
		return '\r', 2, nil
	case 'u':
		return unescapeUnicode(src, at)
	case 'x':
		return 0, 0, syntaxErrorf(at, `write \u and four digits`, `unknown escape \x`)
	default:
		r, _ := utf8.DecodeRuneInString(src[at+1:])
		return 0, 0, syntaxErrorf(at, fmt.Sprintf(`a backslash itself is written \\, as in '\\%c'; within YAML's double quotes it is doubled again`, r), `unknown escape \%c`, r)
	}
}

func unescapeUnicode(src string, at int) (rune, int, *syntaxError) {
	r, ok := hexRune(src, at)
	if !ok {
		return 0, 0, syntaxErrorf(at, `write four hexadecimal digits, as in \u00e9`, `incomplete escape \u`)
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, nil
	}
	low, _ := hexRune(src, at+6)
	if r = utf16.DecodeRune(r, low); r == unicode.ReplacementChar {
		return 0, 0, syntaxErrorf(at, "", "half a surrogate pair is no character")
	}
	return r, 12, nil
}

// hexRune reads \uXXXX at an offset.
func hexRune(src string, at int) (rune, bool) {
	if len(src) < at+6 || src[at:at+2] != `\u` {
		return 0, false
	}
	n, err := strconv.ParseUint(src[at+2:at+6], 16, 16)
	return rune(n), err == nil
}

// quote writes a string as conditions have it, in single quotes, with escapes for what cannot be seen.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		switch r {
		case '\'', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\t':
			b.WriteString(`\t`)
		case '\r':
			b.WriteString(`\r`)
		default:
			writeVisible(&b, r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

func writeVisible(b *strings.Builder, r rune) {
	switch {
	case unicode.IsPrint(r):
		b.WriteRune(r)
	case r > 0xFFFF:
		high, low := utf16.EncodeRune(r)
		fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
	default:
		fmt.Fprintf(b, `\u%04x`, r)
	}
}
