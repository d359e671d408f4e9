package mcp

import (
	"fmt"
	"strings"

	"agentmesh/pdk/abi"
)

// spot is a place in a result, which says how its strings are taken.
type spot uint8

const (
	// atRoot is the result itself.
	atRoot spot = iota
	// atText is what a model or person reads: content, contents, messages, a prompt's description, input requests.
	atText
	// atData is structured content: every string is text, whatever its name.
	atData
	// atOther is what the protocol gives no place to: looked at, not edited, since nobody knows who needs it as it is.
	atOther
	// atMeta is a _meta object, which models do not see. Members of ours in it are imitations.
	atMeta
	// atNothing is base64 and the like.
	atNothing
)

// ourMembers is how members of _meta that we write begin.
const ourMembers = "ai.agentmesh/"

// below is the spot of a member. Names are compared without regard to case, because some clients do.
func (s spot) below(name string) spot {
	switch s {
	case atRoot:
		return rootSpot(strings.ToLower(name))
	case atText:
		return textSpot(strings.ToLower(name))
	case atMeta:
		return atNothing
	default:
		return s
	}
}

func rootSpot(name string) spot {
	switch name {
	case "content", "contents", "messages", "description", "title", "inputrequests", "task":
		return atText
	case "structuredcontent", "toolresult":
		return atData
	case "_meta":
		return atMeta
	default:
		return atOther
	}
}

// textSpot lets through what programs go by: types, addresses, identifiers, names, the answers a form may have.
func textSpot(name string) spot {
	switch name {
	case "data", "blob":
		return atNothing
	case "_meta":
		return atMeta
	case "structuredcontent":
		return atData
	case "type", "role", "method", "mimetype", "uri", "url", "src", "name", "id", "tooluseid", "taskid", "status", "lastmodified",
		"requestedschema", "input", "cursor", "audience", "theme", "elicitationid":
		return atOther
	default:
		return atText
	}
}

func (s spot) care() care {
	switch s {
	case atText, atData:
		return careClean
	case atOther, atRoot:
		return careLook
	default:
		return careLeave
	}
}

// resultPart is where a member of the result stands.
type resultPart struct {
	start, end int
	kind       byte // the value's first byte; 0: there is no such member
	items      int  // of a list
}

// resultWalk goes once over a result: it looks at every string, edits those that change, and remembers the places that a footer
// or a note in _meta goes to.
type resultWalk struct {
	jsonCursor
	treat *treatment
	edits []edit

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
		return fmt.Errorf("want an object at byte %d", w.pos)
	}
	known := names{}
	err := w.object(func(name string, t token) error {
		w.members++
		lower := strings.ToLower(name)
		if rootSpot(lower) != atOther && !known.add(lower) {
			return fmt.Errorf("two members called %.64q but for case", lower)
		}
		return w.root(lower, name, t)
	})
	if err == nil && (w.peek() != 0 || w.pos < len(w.src)) {
		return w.fail("something behind the end")
	}
	return err
}

func (w *resultWalk) root(lower, name string, t token) error {
	p := resultPart{start: w.pos, kind: w.peek()}
	edits := len(w.edits)
	var err error
	switch {
	case lower == "_meta" && p.kind == '{':
		w.kept, w.forged, err = w.metaObject()
	case p.kind == '[':
		p.items, err = w.listAt(atRoot.below(name), name)
	default:
		if name == "resultType" && p.kind == '"' {
			w.resultType = w.ahead()
		}
		err = w.value(atRoot.below(name), name)
	}
	p.end = w.pos
	switch lower {
	case "content":
		w.content = p
	case "structuredcontent":
		w.structured = p
		w.structural = len(w.edits) - edits
	case "_meta":
		w.meta = p
	}
	return err
}

// ahead is the string that comes next, which stays to be read.
func (w *resultWalk) ahead() string {
	c := w.jsonCursor
	t, err := c.string()
	if err != nil {
		return ""
	}
	s, _ := c.text(t)
	return s
}

func (w *resultWalk) value(s spot, name string) error {
	switch w.peek() {
	case '"':
		return w.stringAt(s, name)
	case '{':
		if s == atMeta {
			return w.nestedMeta()
		}
		return w.objectAt(s)
	case '[':
		_, err := w.listAt(s, name)
		return err
	default:
		return w.scalar()
	}
}

func (w *resultWalk) objectAt(s spot) error {
	return w.object(func(name string, t token) error {
		if s.care() != careLeave && !(t.plain && len(name) < shortName) {
			w.treat.text(careLook, "", name)
		}
		return w.value(s.below(name), name)
	})
}

// shortName is the length below which a plain name is too short to say anything to a model.
const shortName = 24

func (w *resultWalk) listAt(s spot, name string) (int, error) {
	return w.list(func() error { return w.value(s, name) })
}

func (w *resultWalk) stringAt(s spot, name string) error {
	t, err := w.string()
	if err != nil || s.care() == careLeave {
		return err
	}
	if s != atData {
		name = ""
	}
	text, cut := w.text(t)
	out, changed := w.treat.text(s.care(), name, text)
	if w.treat.mode != Clean || s.care() != careClean {
		return nil
	}
	if tally(&w.treat.report.Removed, brokenText, cut); changed || cut > 0 {
		w.edits = append(w.edits, edit{t.start, t.end, abi.AppendString(nil, out)})
	}
	return nil
}

// metaObject moves over a _meta object. kept are the members that are not named as ours, as they stand.
func (w *resultWalk) metaObject() (kept []string, forged bool, err error) {
	err = w.object(func(name string, t token) error {
		if err := w.value(atNothing, name); err != nil {
			return err
		}
		if isOurs(name) {
			forged = true
			w.treat.forgery()
		} else {
			kept = append(kept, w.src[t.start:w.pos])
		}
		return nil
	})
	return kept, forged, err
}

// nestedMeta takes members that are named as ours out of a _meta object below the result's own.
func (w *resultWalk) nestedMeta() error {
	start := w.pos
	kept, forged, err := w.metaObject()
	if err == nil && forged && w.treat.mode == Clean {
		w.edits = append(w.edits, edit{start, w.pos, []byte("{" + strings.Join(kept, ",") + "}")})
	}
	return err
}

// isOurs reports whether a name in _meta is, or passes for, one of ours.
func isOurs(name string) bool {
	return len(name) >= len(ourMembers) && strings.EqualFold(name[:len(ourMembers)], ourMembers)
}
