package mcp

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"agentmesh/pdk/abi"
)

// envelope is the outermost object of a message, by ranges; what is empty is not there.
type envelope struct {
	version, id, method, params, result, fail span
	// fields are the members of a result that is an object.
	fields []field
}

// field is a member of an object.
type field struct {
	name  string
	value span
}

// field is the range of a member of the result; empty when it has none of the name.
func (e *envelope) field(name string) span {
	for i := range e.fields {
		if e.fields[i].name == name {
			return e.fields[i].value
		}
	}
	return span{}
}

func (e *envelope) slot(name string) *span {
	switch name {
	case "jsonrpc":
		return &e.version
	case "id":
		return &e.id
	case "method":
		return &e.method
	case "params":
		return &e.params
	case "result":
		return &e.result
	case "error":
		return &e.fail
	}
	return nil
}

// What is wrong with a message. Each may be seen by the sender.
var (
	errNotJSON  = errors.New("the message is no sound JSON object")
	errReturn   = errors.New("a carriage return stands within the line: some readers take it for a line end")
	errTwice    = errors.New("a member is named twice")
	errCase     = errors.New("a member differs from a protocol name by its case alone")
	errVersion  = errors.New(`"jsonrpc" must be "2.0"`)
	errBoth     = errors.New("a message is a request, or an answer, not both")
	errNeither  = errors.New("the message is neither a request nor an answer")
	errID       = errors.New("an id is a string or a number")
	errLongID   = fmt.Errorf("an id has at most %d bytes", maxID)
	errMethod   = errors.New("a method is a string")
	errParams   = errors.New("params must be an object")
	errAnswerID = errors.New("an answer needs an id")
)

// readEnvelope finds the parts of a message, in either direction. It refuses what two parsers might read differently.
func readEnvelope(line []byte) (e envelope, err error) {
	if carriageReturn(line) {
		return e, errReturn
	}
	err = errNotJSON
	ok := members(line, func(name, value span) bool {
		text, whole := textOf(name.of(line))
		if !whole {
			return false
		}
		slot := e.slot(text)
		switch {
		case slot == nil && miscased(text, envelopeNames):
			err = errCase
			return false
		case slot == nil:
			return true
		case !slot.empty():
			err = errTwice
			return false
		}
		*slot = value
		return true
	})
	if !ok {
		return e, err
	}
	return e, e.check(line)
}

const envelopeNames = "jsonrpc id method params result error"

// miscased reports whether a name is one of those listed but for its case, as readers that ignore case understand it.
func miscased(name, listed string) bool {
	if len(name) > 2*maxListed {
		return false
	}
	for known := range strings.FieldsSeq(listed) {
		if name != known && strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}

// maxListed is the longest name given to miscased, in bytes; folding may add some.
const maxListed = 32

// carriageReturn reports whether one stands anywhere but at the line's end.
func carriageReturn(line []byte) bool {
	i := bytes.IndexByte(line, '\r')
	return i >= 0 && i < len(line)-1
}

func (e *envelope) check(line []byte) error {
	answer := !e.result.empty() || !e.fail.empty()
	switch {
	case string(e.version.of(line)) != `"2.0"`:
		return errVersion
	case !e.method.empty() && answer, !e.result.empty() && !e.fail.empty():
		return errBoth
	case e.method.empty() && !answer:
		return errNeither
	case !e.method.empty() && line[e.method.start] != '"':
		return errMethod
	case answer && e.id.empty():
		return errAnswerID
	case e.id.end-e.id.start > maxID:
		return errLongID
	case !e.id.empty() && !validID(e.id.of(line)) && !(answer && string(e.id.of(line)) == "null"):
		return errID
	}
	return nil
}

// readFields finds the members of the result. A member named twice is an error: readers differ in which they take.
func (e *envelope) readFields(line []byte) error {
	if e.result.empty() || line[e.result.start] != '{' {
		return nil
	}
	var err error
	members(e.result.of(line), func(name, value span) bool {
		text, ok := textOf(name.of(e.result.of(line)))
		if !ok || !e.field(text).empty() {
			err = errTwice
			return false
		}
		e.fields = append(e.fields, field{text, span{value.start + e.result.start, value.end + e.result.start}})
		return true
	})
	return err
}

// validID reports whether the bytes are a string or a number. They are sound JSON or a glimpse of it.
func validID(id []byte) bool {
	if len(id) == 0 || len(id) > maxID {
		return false
	}
	return (id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9') && sound(id)
}

// maxID is the length of an id at most, in bytes.
const maxID = 1024

// idKey is what two spellings of one id have in common: the text of a string, the value of a number. Numbers that float64
// cannot tell apart and int64 cannot hold count as one.
func idKey(id []byte) string {
	if s, ok := textOf(id); ok {
		return `"` + s
	}
	text := string(id)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	v, err := abi.ReadValue(text)
	if err != nil {
		return text
	}
	if f, ok := v.Float(); ok {
		if n := int64(f); f > -1<<63 && f < 1<<63 && float64(n) == f {
			return strconv.FormatInt(n, 10)
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return text
}
