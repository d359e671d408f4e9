package mcp

import (
	"errors"
	"fmt"
	"strings"

	"agentmesh/pdk/abi"
)

// resultPart is where a member of the result stands.
type resultPart struct {
	start, end int
	kind       byte // the value's first byte; 0: there is no such member
	items      int  // of a list
}

// resultWalk goes once over a result: it looks at every string, edits those that change, and remembers the places that a
// footer or a note in _meta goes to. Like ranges, which it builds on, it is false where it cannot go on; why says what for.
type resultWalk struct {
	ranges
	src   string // what b holds
	why   error
	treat *treatment
	edits []edit
	// around: the member result is not looked at.
	around bool

	members                   int
	content, structured, meta resultPart
	resultType                string
	// kept are the members of the result's own _meta that stay, as they stand.
	kept       []string
	forged     bool // its own _meta held members of ours
	structural int  // edits within structured content
}

// run walks over the whole text, which must be an object.
func (w *resultWalk) run() error {
	if w.peek() != '{' {
		return errors.New("want an object")
	}
	known := names{}
	return w.whole(w.object(func(name string, _ int) bool {
		w.members++
		lower := strings.ToLower(name)
		if rootSpot(lower) != atOther && !known.add(lower) {
			return w.refuse("two members called %.64q but for case", lower)
		}
		return w.root(lower, name)
	}))
}

// whole is how a walk over the text ended, which went through so far.
func (w *resultWalk) whole(ok bool) error {
	switch {
	case ok && w.end(), w.why != nil:
		return w.why
	case w.depth > maxNesting:
		return errors.New("nested too deep")
	default:
		return fmt.Errorf("no sound JSON at byte %d", w.i)
	}
}

func (w *resultWalk) refuse(format string, args ...any) bool {
	w.why = fmt.Errorf(format, args...)
	return false
}

// object passes an object whose members bear names of their own. At each value it calls each, which passes it; start is
// where the member begins.
func (w *resultWalk) object(each func(name string, start int) bool) bool {
	var seen names
	return w.ranges.object(func(at span) bool {
		name, _ := decode(w.src[at.start+1 : at.end-1])
		if !seen.add(name) {
			return w.refuse("two members called %.64q", name)
		}
		return each(name, at.start)
	})
}

func (w *resultWalk) root(lower, name string) bool {
	p := resultPart{kind: w.peek()}
	p.start = w.i
	edits, ok := len(w.edits), false
	switch {
	case w.around && lower == "result":
		ok = w.ranges.value()
	case lower == "_meta" && p.kind == '{':
		w.kept, w.forged, ok = w.metaObject()
	case p.kind == '[':
		p.items, ok = w.listAt(atRoot.below(name), name)
	default:
		ok = w.value(atRoot.below(name), name)
	}
	p.end = w.i
	switch lower {
	case "content":
		w.content = p
	case "structuredcontent":
		w.structured = p
		w.structural = len(w.edits) - edits
	case "_meta":
		w.meta = p
	}
	if ok && name == "resultType" && p.kind == '"' {
		w.resultType, _ = decode(w.src[p.start+1 : p.end-1])
	}
	return ok
}

func (w *resultWalk) value(s spot, name string) bool {
	switch w.peek() {
	case '"':
		return w.stringAt(s, name)
	case '{':
		if s == atMeta {
			return w.nestedMeta()
		}
		return w.objectAt(s)
	case '[':
		_, ok := w.listAt(s, name)
		return ok
	default:
		return w.ranges.value()
	}
}

func (w *resultWalk) objectAt(s spot) bool {
	return w.object(func(name string, _ int) bool {
		if s.care() != careLeave && !plainWord(name) {
			w.treat.text(careLook, "", name)
		}
		return w.value(s.below(name), name)
	})
}

// shortName is the length below which a plain name is too short to say anything to a model.
const shortName = 24

// plainWord reports whether a name is short, and of printable ASCII.
func plainWord(name string) bool {
	if len(name) >= shortName {
		return false
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' {
			return false
		}
	}
	return true
}

func (w *resultWalk) listAt(s spot, name string) (items int, ok bool) {
	ok = w.list(func() bool {
		items++
		return w.value(s, name)
	})
	return items, ok
}

func (w *resultWalk) stringAt(s spot, name string) bool {
	start := w.i
	if !w.text() {
		return false
	}
	if s.care() == careLeave {
		return true
	}
	shown := s == atText && strings.EqualFold(name, "text")
	if s != atData {
		name = ""
	}
	text, cut := decode(w.src[start+1 : w.i-1])
	out, changed := w.treat.text(s.care(), name, text)
	if shown {
		var joined bool
		out, joined = w.treat.follow(out)
		changed = changed || joined
	}
	if w.treat.mode != Clean || s.care() != careClean {
		return true
	}
	if tally(&w.treat.report.Removed, brokenText, cut); changed || cut > 0 {
		w.edits = append(w.edits, edit{start, w.i, abi.AppendString(nil, out)})
	}
	return true
}

// metaObject passes a _meta object. kept are the members that are not named as ours, as they stand.
func (w *resultWalk) metaObject() (kept []string, forged, ok bool) {
	ok = w.object(func(name string, start int) bool {
		if !w.value(atNothing, name) {
			return false
		}
		if isOurs(name) {
			forged = true
			w.treat.forgery()
		} else {
			kept = append(kept, w.src[start:w.i])
		}
		return true
	})
	return kept, forged, ok
}

// nestedMeta takes members that are named as ours out of a _meta object below the result's own.
func (w *resultWalk) nestedMeta() bool {
	start := w.i
	kept, forged, ok := w.metaObject()
	if ok && forged && w.treat.mode == Clean {
		w.edits = append(w.edits, edit{start, w.i, []byte("{" + strings.Join(kept, ",") + "}")})
	}
	return ok
}

// isOurs reports whether a name in _meta is, or passes for, one of ours.
func isOurs(name string) bool {
	return len(name) >= len(ourMembers) && strings.EqualFold(name[:len(ourMembers)], ourMembers)
}

// names are those of one object's members.
type names struct {
	few  []string
	many map[string]bool
}

const fewNames = 16

// add reports whether the name is new.
func (n *names) add(name string) bool {
	if n.many != nil {
		if n.many[name] {
			return false
		}
		n.many[name] = true
		return true
	}
	for _, s := range n.few {
		if s == name {
			return false
		}
	}
	if n.few = append(n.few, name); len(n.few) > fewNames {
		n.many = make(map[string]bool, 4*fewNames)
		for _, s := range n.few {
			n.many[s] = true
		}
	}
	return true
}
