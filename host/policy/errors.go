package policy

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Error is one thing wrong with a policy or a cases file, and where. It prints as a compiler does:
//
//	data-analyst.yaml:6:17: unknown root "dta"
//	  6 |     condition: dta.contains_pii
//	    |                ^
//	  hint: did you mean data?
//
// Line and column count from 1, the column in code points. A zero Pos means the file as a whole.
type Error struct {
	File string
	Pos
	Message string
	// Hint says how to mend it; it may be empty.
	Hint string
	// Excerpt is the line concerned and, below it, a caret under the place; empty where there is no line to show.
	Excerpt string

	cause error
}

// Error prints the place, the message, the excerpt and the hint, on as many lines as there are, without a newline at the end.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", e.Line, e.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(e.Message)
	if e.Excerpt != "" {
		b.WriteString("\n" + e.Excerpt)
	}
	if e.Hint != "" {
		b.WriteString("\n  hint: " + e.Hint)
	}
	return b.String()
}

// Unwrap is the error below, where a file could not be read at all (fs.ErrNotExist and its like).
func (e *Error) Unwrap() error { return e.cause }

// Errors is everything wrong with what was loaded, sorted by file and place, each thing once.
type Errors []*Error

// Error prints the errors one below the other.
func (es Errors) Error() string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = e.Error()
	}
	return strings.Join(parts, "\n")
}

// Unwrap gives errors.Is and errors.As every single error.
func (es Errors) Unwrap() []error {
	all := make([]error, len(es))
	for i, e := range es {
		all[i] = e
	}
	return all
}

// sorted puts the errors into the order they are shown in and drops repetitions, which come up when several policies
// extend one broken parent. It is nil when there are none, so that a caller can return it as an error.
func (es Errors) sorted() error {
	if len(es) == 0 {
		return nil
	}
	slices.SortStableFunc(es, compareErrors)
	return slices.CompactFunc(es, func(a, b *Error) bool { return compareErrors(a, b) == 0 })
}

func compareErrors(a, b *Error) int {
	return cmp.Or(
		strings.Compare(a.File, b.File),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Column, b.Column),
		strings.Compare(a.Message, b.Message),
	)
}

// ErrorAt is an error at a place in one of the policy's sources, for whoever finds something wrong with a policy after it was
// loaded (an automaton that grows too large, say). The index is that of Sources, as in Rule.Source.
func (p *Policy) ErrorAt(source int, pos Pos, message, hint string) *Error {
	s := p.Sources[source]
	return newDocument(p.sourceFile(s.Name), s.Text).errorAt(pos, hint, "%s", message)
}

// sourceFile is the name by which a source is shown: beside the policy's own file, where that is known.
func (p *Policy) sourceFile(name string) string {
	if isPreset(name) || p.File == "" {
		return name
	}
	return path.Join(path.Dir(p.File), name)
}
