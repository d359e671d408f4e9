package scan

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

const (
	minBase64 = 24 // characters that are worth decoding
	minHex    = 32
	maxLayer  = 64 << 10 // bytes of one run that are decoded
)

// layers decodes runs of base64 and hexadecimal and percent-encoded text, once, and looks at what comes out.
func (s *scanner) layers() {
	t := s.text
	percent := 0
	for i := 0; i < len(t); {
		b := t[i]
		switch {
		case inSet(b, '/') || b == '-':
			j, digits := i, 0
			for j < len(t) && (inSet(t[j], '/') || t[j] == '-') {
				if isDigit(t[j]) || t[j]|0x20 >= 'a' && t[j]|0x20 <= 'f' {
					digits++
				}
				j++
			}
			if j-i >= minBase64 {
				s.runOf(i, j, digits == j-i)
			}
			i = j
		case b == '%' && i+2 < len(t) && inSet(t[i+1], 'h') && inSet(t[i+2], 'h'):
			percent++
			i += 3
		default:
			i++
		}
	}
	if percent >= 6 {
		s.layer(unescape(t), 0, len(t))
	}
}

// runOf decodes a run of characters that may be base64 or hexadecimal.
func (s *scanner) runOf(i, j int, hexOnly bool) {
	w := s.text[i:j]
	if len(w) > maxLayer {
		w = w[:maxLayer]
	}
	if hexOnly && len(w) >= minHex && len(w)%2 == 0 {
		if raw, err := hex.DecodeString(w); err == nil && readable(raw) {
			s.layer(string(raw), i, j)
			return
		}
	}
	if strings.HasPrefix(w, "eyJ") || !worthDecoding(w) {
		return
	}
	w = strings.TrimRight(w, "=")
	w = w[:len(w)/4*4+len(w)%4]
	enc := base64.RawStdEncoding
	if strings.ContainsAny(w, "-_") {
		enc = base64.RawURLEncoding
	}
	raw, err := enc.DecodeString(w)
	if err != nil || !readable(raw) {
		return
	}
	s.layer(string(raw), i, j)
}

// worthDecoding tries the first characters, so that long words, paths and pictures cost little.
func worthDecoding(w string) bool {
	var out [18]byte
	head := w[:24]
	enc := base64.StdEncoding
	if strings.ContainsAny(head, "-_") {
		enc = base64.URLEncoding
	}
	n, err := enc.Decode(out[:], []byte(head))
	return (err == nil || n >= 12) && readable(out[:n])
}

// readable reports whether bytes are text: valid UTF-8 with hardly any control characters.
func readable(raw []byte) bool {
	if len(raw) < 12 {
		return false
	}
	odd := 0
	for _, b := range raw {
		if b < ' ' && b != '\n' && b != '\t' && b != '\r' || b == 0x7f {
			odd++
		}
	}
	return odd == 0 && utf8.Valid(raw[:len(raw)-min(3, len(raw)-12)])
}

// layer looks at decoded text; findings bear the place of what carried it. Personal data is not looked for: random bytes
// that happen to be readable hold numbers of any kind.
func (s *scanner) layer(text string, from, to int) {
	inner := scanner{text: text, want: s.want & (Secret | Instruction), list: s.list, decoded: true, out: s.out, carrier: Finding{Start: from, End: to}}
	inner.run()
	s.set.Union(inner.set)
	s.out = inner.out
}

func unescape(t string) string {
	var b strings.Builder
	b.Grow(len(t))
	for i := 0; i < len(t); i++ {
		if t[i] == '%' && i+2 < len(t) && inSet(t[i+1], 'h') && inSet(t[i+2], 'h') {
			raw, _ := hex.DecodeString(t[i+1 : i+3])
			b.Write(raw)
			i += 2
			continue
		}
		b.WriteByte(t[i])
	}
	return b.String()
}
