package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenString
	tokenNumber
	tokenSymbol
)

// token is one word, literal or symbol of a condition. Its text is the source's, save for strings, which are decoded.
type token struct {
	kind  tokenKind
	text  string
	start int // byte offsets in the condition
	end   int
}

// is reports whether the token is one of these words or symbols.
func (t token) is(texts ...string) bool {
	if t.kind != tokenWord && t.kind != tokenSymbol {
		return false
	}
	for _, s := range texts {
		if t.text == s {
			return true
		}
	}
	return false
}

// String shows the token in a message.
func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the condition"
	case tokenString:
		return "string " + quote(t.text)
	default:
		return fmt.Sprintf("%q", t.text)
	}
}

// syntaxError is what stops the reading of a condition.
type syntaxError struct {
	offset  int
	message string
	hint    string
}

func syntaxErrorf(offset int, hint, format string, args ...any) *syntaxError {
	return &syntaxError{offset: offset, hint: hint, message: fmt.Sprintf(format, args...)}
}

// symbols are tried in this order, so the longer stand before their own beginnings. Those with a hint are what other languages
// write for one of ours.
var symbols = [...]struct{ text, hint string }{
	{"===", "write =="},
	{"!==", "write !="},
	{"=~", "write matches"},
	{"<>", "write !="},
	{"==", ""},
	{"!=", ""},
	{"<=", ""},
	{">=", ""},
	{"&&", ""},
	{"||", ""},
	{"<", ""},
	{">", ""},
	{"!", ""},
	{"(", ""},
	{")", ""},
	{"[", ""},
	{"]", ""},
	{",", ""},
	{".", ""},
	{"=", "write == to compare"},
	{"&", "write and, or &&"},
	{"|", "write or, or ||"},
}

// lex cuts a condition into tokens; the last one is always the end.
func lex(src string) ([]token, *syntaxError) {
	src = strings.TrimRight(src, space) // an error at the end is shown behind the last word
	var tokens []token
	for at := 0; ; {
		at += len(src[at:]) - len(strings.TrimLeft(src[at:], space))
		if at == len(src) {
			return append(tokens, token{kind: tokenEnd, start: at, end: at}), nil
		}
		if len(tokens) == maxTokens {
			return nil, syntaxErrorf(at, "split the rule", "a condition of more than %d words and symbols", maxTokens)
		}
		t, err := lexToken(src, at)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		at = t.end
	}
}

func lexToken(src string, at int) (token, *syntaxError) {
	c, rest := src[at], src[at:]
	switch {
	case isLetter(c):
		end := at + 1
		for end < len(src) && (isLetter(src[end]) || isDigit(src[end])) {
			end++
		}
		return token{tokenWord, src[at:end], at, end}, nil
	case c == '\'' || c == '"':
		return lexString(src, at)
	case isDigit(c), len(rest) > 1 && (c == '-' || c == '+' || c == '.') && isDigit(rest[1]):
		return lexNumber(src, at)
	}
	for _, s := range symbols {
		if !strings.HasPrefix(rest, s.text) {
			continue
		}
		if s.hint != "" {
			return token{}, syntaxErrorf(at, s.hint, "%q is no operator", s.text)
		}
		return token{tokenSymbol, s.text, at, at + len(s.text)}, nil
	}
	return token{}, strange(src, at)
}

// strange is the error for a character that begins no token.
func strange(src string, at int) *syntaxError {
	r, _ := utf8.DecodeRuneInString(src[at:])
	hint := ""
	switch {
	case r == '-':
		hint = `there is no arithmetic; a name with a hyphen is written data["x-y"]`
	case strings.ContainsRune("+*/%^~", r):
		hint = "there is no arithmetic in conditions"
	case strings.ContainsRune("\u2018\u2019\u201C\u201D`", r):
		hint = "strings stand in straight quotes, ' or \""
	case r >= utf8.RuneSelf:
		hint = `a name with other than ASCII letters is written data["name"]`
	}
	return syntaxErrorf(at, hint, "unexpected character %q", r)
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// lexNumber takes a whole number or a decimal as JSON has them, with an optional sign, and refuses what merely begins like one.
func lexNumber(src string, at int) (token, *syntaxError) {
	end := at + 1
	for end < len(src) && (isLetter(src[end]) || isDigit(src[end]) || src[end] == '.' ||
		strings.IndexByte("+-", src[end]) >= 0 && src[end-1]|0x20 == 'e') {
		end++
	}
	text := src[at:end]
	digits := strings.TrimLeft(text, "+-")
	switch {
	case digits[0] == '.':
		return token{}, syntaxErrorf(at, "write 0.5 for a decimal, data.rows[0] for an item of a list", "a number cannot begin with a point")
	case len(digits) > 1 && digits[0] == '0' && (isDigit(digits[1]) || isLetter(digits[1]) && digits[1]|0x20 != 'e'):
		return token{}, syntaxErrorf(at, "numbers are decimal, without zeros in front", "%s is no number", text)
	case !isDecimal(digits):
		return token{}, syntaxErrorf(at, "numbers look like 5, -5, 0.5 or 1e6", "%s is no number", text)
	}
	return token{tokenNumber, text, at, end}, nil
}

// isDecimal reports whether s is digits, then perhaps a fraction, then perhaps an exponent.
func isDecimal(s string) bool {
	s = strings.TrimLeft(s, decimals)
	if fraction, ok := strings.CutPrefix(s, "."); ok {
		s = strings.TrimLeft(fraction, decimals)
		if s == fraction {
			return false
		}
	}
	if s == "" {
		return true
	}
	exponent := strings.TrimPrefix(strings.TrimPrefix(s[1:], "+"), "-")
	return s[0]|0x20 == 'e' && exponent != "" && strings.TrimLeft(exponent, decimals) == ""
}

const (
	decimals = "0123456789"
	space    = " \t\r\n"
)
