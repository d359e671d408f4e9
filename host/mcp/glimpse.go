package mcp

// glimpse finds id and method of a message that cannot be read whole, because it is too long or is no sound JSON, byte by
// byte as it passes. It believes only what stands in the outermost object, once, and whole.
type glimpse struct {
	id, method found
	depth      int
	inText     bool
	escaped    bool
	bad        bool
	atName     bool   // the next string at depth 1 is a name
	name       []byte // the last name at depth 1
	value      []byte // what is being gathered
	gather     bool
}

const (
	maxGlimpse   = 256 // of an id or a method
	nameLongest  = 8   // longer than "method" is none of ours
	nameUnwanted = "\x00"
)

func (g *glimpse) write(b []byte) {
	for _, c := range b {
		if g.bad {
			return
		}
		g.step(c)
	}
}

func (g *glimpse) step(c byte) {
	switch {
	case g.inText:
		g.text(c)
	case c == '"':
		g.inText = true
		g.begin(c)
	case c == '{', c == '[':
		if g.depth++; g.depth == 1 {
			g.bad = c == '['
			g.atName = true
		}
		g.gather = false
	case c == '}', c == ']':
		g.finish()
		g.depth--
	case c == ',':
		g.finish()
		g.atName = g.depth == 1
	case c == ':', c == ' ', c == '\t', c == '\r':
	default:
		g.begin(c)
	}
}

// begin sees the first byte of a string, or any byte of a number or word.
func (g *glimpse) begin(c byte) {
	if g.depth != 1 || g.atName && c != '"' {
		return
	}
	if c == '"' && g.atName {
		g.name = g.name[:0]
		return
	}
	if !g.gather {
		g.value, g.gather = g.value[:0], true
	}
	g.add(c)
}

func (g *glimpse) text(c byte) {
	if g.depth == 1 {
		if g.atName {
			if c != '"' || g.escaped {
				g.name = append(g.name, c)
				if len(g.name) > nameLongest {
					g.name = append(g.name[:0], nameUnwanted...)
				}
			}
		} else if g.gather {
			g.add(c)
		}
	}
	switch {
	case g.escaped:
		g.escaped = false
	case c == '\\':
		g.escaped = true
	case c == '"':
		g.inText = false
		g.atName = false
	}
}

func (g *glimpse) add(c byte) {
	if len(g.value) < maxGlimpse {
		g.value = append(g.value, c)
	} else {
		g.bad = true
	}
}

// finish takes the value that just ended, if its name is one of ours.
func (g *glimpse) finish() {
	if g.depth != 1 || !g.gather {
		return
	}
	g.gather = false
	switch string(g.name) {
	case "id":
		g.id.set(g.value)
	case "method":
		g.method.set(g.value)
	}
}

// found is a value that was found, as it stands.
type found struct {
	text  []byte
	times int
}

func (f *found) set(value []byte) {
	f.text = append(f.text[:0], value...)
	f.times++
}

// glance is what glimpse finds in a whole line.
func glance(line []byte) *glimpse {
	g := new(glimpse)
	g.write(line)
	return g
}

// answerID is the id to answer under, as raw bytes; null when none can be had.
func (g *glimpse) answerID() []byte {
	if g.bad || g.id.times != 1 || !validID(g.id.text) {
		return nullID()
	}
	return g.id.text
}

// methodName is the method, or nothing.
func (g *glimpse) methodName() string {
	if g.method.times != 1 {
		return ""
	}
	s, _ := textOf(g.method.text)
	return s
}

func nullID() []byte { return []byte("null") }
