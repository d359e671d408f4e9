package scan

import (
	"strings"
	"unicode/utf8"
)

// maxPatterns bounds the state of one pass.
const maxPatterns = 48

// weakReach is how near to each other, in bytes, two weak signs must stand to count.
const weakReach = 2000

// instructions folds the text where it holds more than plain ASCII, and matches the patterns over its words.
func (s *scanner) instructions() {
	s.hiddenText()
	text, folded := s.text, false
	if !plain(text) {
		text, folded = fold(text), true
	}
	m := matcher{s: s, text: text, whole: folded, lex: instructionsLexicon}
	m.run()
	if m.rot && !s.decoded {
		inner := matcher{s: s, text: rot13(text), whole: true, lex: instructionsLexicon}
		inner.run()
	}
}

// matcher matches the patterns of a lexicon over the words of one text.
type matcher struct {
	s     *scanner
	lex   *lexicon
	text  string
	whole bool // places in this text are no places in the original
	rot   bool

	word     int // the number of the word
	sentence int // the word the sentence began with
	lastNot  int
	state    [maxPatterns]progress
	weak     [8]weakSign
	weaks    int
}

// progress is how far one pattern has come.
type progress struct {
	next     int // the step looked for
	deadline int // the last word it may be
	start    int // where it began, in bytes
	first    int // and with which word
}

// weakSign is a weak pattern that was found.
type weakSign struct {
	pattern, start, end int
	told                bool
}

func (m *matcher) run() {
	t := m.text
	m.lastNot = -9
	for i := 0; i < len(t); {
		b := t[i]
		switch {
		case isLetter(b) || b >= utf8.RuneSelf, isDigit(b) && i+1 < len(t) && isLetter(t[i+1]):
			i = m.wordAt(i)
		case b == '.' || b == '!' || b == '?':
			i++
			if i == len(t) || t[i] == ' ' || t[i] == '\n' || t[i] == '\r' {
				m.sentence = m.word
			}
		case b == '\n':
			i++
			if i < len(t) && (t[i] == '\n' || t[i] == '\r') {
				m.sentence = m.word
			}
		case b == '<' || b == '[':
			i = m.markupAt(i)
		default:
			i++
		}
	}
}

// wordAt takes the word at i; digits within it stand for the letters they look like, apostrophes are left out.
func (m *matcher) wordAt(i int) int {
	var buf [24]byte
	t, n := m.text, 0
	j := i
	for ; j < len(t); j++ {
		b := t[j]
		switch {
		case isUpper(b):
			b |= 0x20
		case b >= 'a' && b <= 'z' || b >= utf8.RuneSelf:
		case b == '\'' && j+1 < len(t) && isLetter(t[j+1]):
			continue
		case isDigit(b) && looks[b-'0'] != 0:
			b = looks[b-'0']
		default:
			goto done
		}
		if n < len(buf) {
			buf[n] = b
		}
		n++
	}
done:
	m.word++
	if n > 1 && n <= min(m.lex.longest, len(buf)) {
		if groups, ok := m.lex.words[string(buf[:n])]; ok {
			m.take(groups, i, j)
		}
	}
	return max(j, i+1)
}

// looks are the letters that digits look like.
var looks = [10]byte{'o', 'i', 0, 'e', 'a', 's', 0, 't', 0, 0}

// take moves every pattern on that waits for this word, and begins those that start with it.
func (m *matcher) take(groups mask, from, to int) {
	if groups.meets(m.lex.rot) {
		m.rot = true
	}
	for k := range m.lex.patterns {
		p := &m.lex.patterns[k]
		st := &m.state[k]
		if st.next > 0 && groups.meets(p.steps[st.next].group) && m.word <= st.deadline && st.first > m.sentence {
			if st.next++; st.next == len(p.steps) {
				m.found(k, st.start, to)
				st.next = 0
				continue
			}
			st.deadline = m.word + 1 + p.steps[st.next].gap
			continue
		}
		if groups.meets(p.steps[0].group) && (st.next <= 1 || m.word > st.deadline) && !(p.unlessNot && m.word-m.lastNot <= 2) {
			*st = progress{next: 1, deadline: m.word + 1 + p.steps[1].gap, start: from, first: m.word}
		}
	}
	if groups.meets(m.lex.not) {
		m.lastNot = m.word
	}
}

func (m *matcher) found(k, from, to int) {
	p := &m.lex.patterns[k]
	if p.strong {
		m.emit(p.kind, from, to)
		return
	}
	m.sign(k, from, to)
}

// sign keeps a weak sign; a second one of another pattern nearby makes both count.
func (m *matcher) sign(k, from, to int) {
	for i := range m.weak[:min(m.weaks, len(m.weak))] {
		w := &m.weak[i]
		if w.pattern != k && from-w.end <= weakReach {
			if !w.told {
				m.emit(m.kindOf(w.pattern), w.start, w.end)
				w.told = true
			}
			m.emit(m.kindOf(k), from, to)
			return
		}
	}
	m.weak[m.weaks%len(m.weak)] = weakSign{pattern: k, start: from, end: to}
	m.weaks++
}

// importantTag is the number of the one weak sign that is no pattern of words.
const importantTag = maxPatterns

func (m *matcher) kindOf(k int) Kind {
	if k == importantTag {
		return ToolSteering
	}
	return m.lex.patterns[k].kind
}

func (m *matcher) emit(k Kind, from, to int) {
	if m.whole {
		from, to = 0, len(m.s.text)
	}
	m.s.found(k, from, to)
}

// markupAt looks for the markup of conversations, and for the tag that poisoned tool descriptions shout with.
func (m *matcher) markupAt(i int) int {
	rest := m.text[i:]
	for _, tag := range markup {
		if hasFold(rest, tag) {
			m.emit(ChatMarkup, i, i+len(tag))
			return i + len(tag)
		}
	}
	if hasFold(rest, "<important>") || hasFold(rest, "<secret>") {
		m.sign(importantTag, i, i+8)
	}
	return i + 1
}

func rot13(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, text)
}
