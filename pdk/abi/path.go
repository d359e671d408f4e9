package abi

import (
	"errors"
	"strconv"
)

// ParsePath reads a path as policies write it: names joined by dots, indexes and other names in brackets, as in
// data.user["x-y"].rows[0]. A plain name is a letter or underscore followed by letters, digits and underscores (ASCII); a
// name in brackets is a JSON string; an index is a decimal below 2^31 without leading zeros. A path below a list's item may
// begin with a bracket.
func ParsePath(s string) ([]Step, error) {
	p := pathParser{src: s}
	for p.pos < len(s) {
		if err := p.step(); err != nil {
			return nil, errors.New("path " + strconv.Quote(s) + ": " + err.Error())
		}
	}
	if len(p.steps) == 0 {
		return nil, errors.New("path: empty")
	}
	return p.steps, nil
}

type pathParser struct {
	src   string
	pos   int
	steps []Step
}

func (p *pathParser) step() error {
	c := p.src[p.pos]
	switch {
	case c == '[':
		return p.bracket()
	case c == '.' && len(p.steps) > 0:
		p.pos++
		return p.name()
	case len(p.steps) == 0:
		return p.name()
	default:
		return errors.New("expected '.' or '[' at byte " + strconv.Itoa(p.pos))
	}
}

func (p *pathParser) name() error {
	end := p.pos
	for end < len(p.src) && isNameByte(p.src[end], end > p.pos) {
		end++
	}
	if end == p.pos {
		return errors.New("expected a name at byte " + strconv.Itoa(p.pos))
	}
	p.steps = append(p.steps, Step{Name: p.src[p.pos:end]})
	p.pos = end
	return nil
}

func isNameByte(c byte, digits bool) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || digits && c >= '0' && c <= '9'
}

func (p *pathParser) bracket() error {
	rest := p.src[p.pos+1:]
	if rest != "" && rest[0] == '"' {
		r := Reader{src: rest}
		name, err := r.string()
		if err != nil {
			return errors.New("name in brackets at byte " + strconv.Itoa(p.pos+1) + ": " + err.Error())
		}
		return p.close(Step{Name: name}, r.pos)
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	i, err := strconv.ParseInt(rest[:n], 10, 32)
	if err != nil || n > 1 && rest[0] == '0' {
		return errors.New("expected an index or a name in double quotes at byte " + strconv.Itoa(p.pos+1))
	}
	return p.close(Step{Index: int(i), IsIndex: true}, n)
}

func (p *pathParser) close(s Step, n int) error {
	p.pos += 1 + n
	if p.pos == len(p.src) || p.src[p.pos] != ']' {
		return errors.New("expected ']' at byte " + strconv.Itoa(p.pos))
	}
	p.pos++
	p.steps = append(p.steps, s)
	return nil
}

// AppendPath appends the path as ParsePath reads it.
func AppendPath(dst []byte, path []Step) []byte {
	for i, s := range path {
		switch {
		case s.IsIndex:
			dst = append(dst, '[')
			dst = strconv.AppendInt(dst, int64(s.Index), 10)
			dst = append(dst, ']')
		case !isPlainName(s.Name):
			dst = append(dst, '[')
			dst = AppendString(dst, s.Name)
			dst = append(dst, ']')
		default:
			if i > 0 {
				dst = append(dst, '.')
			}
			dst = append(dst, s.Name...)
		}
	}
	return dst
}

func isPlainName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i], i > 0) {
			return false
		}
	}
	return s != ""
}
