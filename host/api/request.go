package api

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"agentmesh/pdk/abi"
)

// RequestError says what is wrong with a request's text, and where. Line and Column are 1-based, the column in code
// points; they are 0 where the fault has no one place.
type RequestError struct {
	Line, Column int
	Message      string
}

// Error gives the place and the message.
func (e *RequestError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// ReadRequest reads a request that people or programs outside wrote: strictly as abi.ReadRequest, and a part that no
// request has is an error too, for {"Action": …} would otherwise be judged as a request without an action. Errors are
// *RequestError.
func ReadRequest(src string) (abi.Request, error) {
	v, err := abi.ReadValue(src)
	if err != nil {
		return abi.Request{}, located(src, err)
	}
	q, err := abi.RequestOf(v)
	if err != nil {
		return abi.Request{}, located(src, err)
	}
	for _, m := range v.Items() {
		if _, ok := q.Part(m.Name); !ok && m.Name != "abi" {
			return abi.Request{}, &RequestError{Message: fmt.Sprintf("%q is no part of a request%s", m.Name, partHint(m.Name))}
		}
	}
	return q, nil
}

func partHint(name string) string {
	if _, ok := (&abi.Request{}).Part(strings.ToLower(name)); ok {
		return fmt.Sprintf("; did you mean %q?", strings.ToLower(name))
	}
	return "; the parts are agent, action, tool, data, resource, context, result"
}

func located(src string, err error) error {
	out := &RequestError{Message: err.Error()}
	var syntax *abi.SyntaxError
	if errors.As(err, &syntax) {
		before := src[:min(syntax.Offset, len(src))]
		out.Message = syntax.Message
		out.Line = 1 + strings.Count(before, "\n")
		out.Column = 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	}
	return out
}
