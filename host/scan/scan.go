package scan

// Finding is one thing found: the bytes text[Start:End]. What was found only after decoding (base64, hexadecimal,
// percent-encoding) or unfolding bears the place of the text that carried it.
type Finding struct {
	Kind       Kind
	Start, End int
}

// Scan appends what it finds of the classes wanted to dst, ordered by class and then by place. Findings of one class do
// not overlap.
func Scan(dst []Finding, text string, want Class) []Finding {
	s := scanner{text: text, want: want, list: true, out: dst}
	s.run()
	return s.out
}

// Find says which kinds of the classes wanted a text hides. It allocates nothing on text that is plain ASCII or in which
// nothing needs decoding.
func Find(text string, want Class) Set {
	s := scanner{text: text, want: want}
	s.run()
	return s.set
}

// scanner makes one pass for data (personal and secret) and one for instructions.
type scanner struct {
	text    string
	want    Class
	list    bool
	decoded bool // the text is itself a decoded layer: no further one is opened
	set     Set
	out     []Finding
	// carrier is where in the outer text a decoded layer stood.
	carrier Finding
}

func (s *scanner) run() {
	if s.want&(PII|Secret) != 0 {
		s.data()
	}
	if s.want&Instruction != 0 {
		s.instructions()
	}
	if s.want&(Secret|Instruction) != 0 && !s.decoded {
		s.layers()
	}
}

func (s *scanner) found(k Kind, start, end int) {
	if k.Class()&s.want == 0 {
		return
	}
	s.set.Add(k)
	if !s.list {
		return
	}
	if s.decoded {
		start, end = s.carrier.Start, s.carrier.End
	}
	s.out = append(s.out, Finding{k, start, end})
}

// data walks the text word by word. Every look back or ahead from a place is bounded by a constant, or moves the walk
// past what it looked at, so the time is linear in the text.
func (s *scanner) data() {
	t := s.text
	for i := 0; i < len(t); {
		switch classes[t[i]] {
		case digit, upper, lower:
			i = s.word(i)
		case sign:
			i = s.sign(i)
		default:
			i++
		}
	}
}

// word looks at the word that begins at i (the byte before is no word byte) and returns where to go on.
func (s *scanner) word(i int) int {
	t := s.text
	j := i + 1
	for j < len(t) && classes[t[j]] <= lower {
		j++
	}
	end := 0
	switch {
	case classes[t[i]] == digit && s.want&PII != 0:
		end = s.number(i, j)
	case classes[t[i]] != digit && s.want&PII != 0:
		end = s.letters(i, j)
	}
	if end == 0 && s.want&Secret != 0 {
		end = s.token(i, j)
	}
	return max(j, end)
}

// sign looks at the punctuation at i and returns where to go on.
func (s *scanner) sign(i int) int {
	end := 0
	switch s.text[i] {
	case '@':
		if s.want&PII != 0 {
			end = s.email(i)
		}
	case '+', '(':
		if s.want&PII != 0 {
			end = s.phone(i)
		}
	case '-':
		if s.want&Secret != 0 {
			end = s.privateKey(i)
		}
	case ':', '=':
		if s.want&Secret != 0 {
			end = s.assignment(i)
		}
	}
	return max(i+1, end)
}

// The classes of bytes; the first three are word bytes.
const (
	digit uint8 = iota
	upper
	lower // and the underscore
	other
	sign
)

var classes = byteClasses()

func byteClasses() (c [256]uint8) {
	for i := range c {
		switch b := byte(i); {
		case b >= '0' && b <= '9':
			c[i] = digit
		case b >= 'A' && b <= 'Z':
			c[i] = upper
		case b >= 'a' && b <= 'z', b == '_':
			c[i] = lower
		case b == '@', b == '+', b == '(', b == '-', b == ':', b == '=':
			c[i] = sign
		default:
			c[i] = other
		}
	}
	return c
}

func isDigit(b byte) bool  { return classes[b] == digit }
func isUpper(b byte) bool  { return classes[b] == upper }
func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
func isWord(b byte) bool   { return classes[b] <= lower }

// before reports whether the lower-case word stands in the text shortly before i: within 32 bytes, without regard to case,
// as a word of its own.
func (s *scanner) before(i int, words ...string) bool {
	from := max(0, i-32)
	return anyWord(s.text[from:i], words)
}

func anyWord(window string, words []string) bool {
	for _, w := range words {
		if indexWord(window, w) >= 0 {
			return true
		}
	}
	return false
}

// indexWord finds a lower-case phrase in a window as a word of its own, without regard to ASCII case; -1 when it is not
// there.
func indexWord(window, phrase string) int {
	for i := 0; i+len(phrase) <= len(window); i++ {
		if (i == 0 || !isLetter(window[i-1])) && hasFold(window[i:], phrase) &&
			(i+len(phrase) == len(window) || !isLetter(window[i+len(phrase)])) {
			return i
		}
	}
	return -1
}

// hasFold reports whether text begins with a lower-case ASCII prefix, without regard to case.
func hasFold(text, prefix string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := 0; i < len(prefix); i++ {
		b := text[i]
		if isUpper(b) {
			b |= 0x20
		}
		if b != prefix[i] {
			return false
		}
	}
	return true
}
