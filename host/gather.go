package host

import (
	"fmt"
	"os"

	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

// NewExtractor gathers facts by the built-in tool table and the files that extend it, the later over the earlier. Roots
// are the folders that resource.outside_roots is told from.
func NewExtractor(tables, roots []string) (*facts.Extractor, error) {
	table, err := toolTable(tables)
	if err != nil {
		return nil, err
	}
	return newExtractor(table, roots), nil
}

func newExtractor(table *facts.Table, roots []string) *facts.Extractor {
	// Without a home or working folder relative paths stay what they are; nothing is known to lie inside a root then.
	home, _ := os.UserHomeDir()
	dir, _ := os.Getwd()
	c := facts.Config{Table: table, Roots: roots, Home: home, Dir: dir}
	if len(roots) > 0 {
		c.Where = facts.Here
	}
	return facts.New(c)
}

// toolTable is the built-in tool table with the files that extend it.
func toolTable(tables []string) (*facts.Table, error) {
	table, err := facts.DefaultTable()
	if err != nil {
		return nil, fmt.Errorf("the built-in tool table: %w", err)
	}
	for _, name := range tables {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("tool table: %w", err)
		}
		more, err := facts.LoadTable(name, text)
		if err != nil {
			return nil, fmt.Errorf("tool table: %w", err)
		}
		table = table.Merge(more)
	}
	return table, nil
}

// CallOf is the call that a request describes: what the caller states is handed on as given, so that what is found adds
// to it and clears nothing.
func CallOf(q *abi.Request) facts.Call {
	text := func(name string) string { return q.Action.Get(name).Text() }
	return facts.Call{
		Server: text("server"), Tool: text("tool"), Method: text("method"), Protocol: text("protocol"), Stage: text("stage"),
		Annotations: q.Tool.Get("annotations"), Given: *q,
	}
}

// gather adds to a request what the host finds out itself.
func (h *Host) gather(q *abi.Request) {
	Gather(h.facts, q, false)
	if h.config.Environment != "" {
		q.Context = q.Context.With("environment", abi.StringValue(h.config.Environment))
	}
}

// Gather adds to a request what the extractor finds and, asked to explain, says why each fact is held. Where there is
// nothing to look at, what the caller says stands as it is: nothing found in nothing clears no one.
func Gather(x *facts.Extractor, q *abi.Request, explain bool) (notes []facts.Note) {
	call := CallOf(q)
	arguments := hasArguments(q.Data)
	if call.Tool == "" && call.Method == "" && !arguments && !q.Resource.Exists() {
		return nil
	}
	var found facts.Facts
	if explain {
		found, notes = x.Explain(&call)
	} else {
		found = x.Extract(&call)
	}
	if !arguments {
		found.Data = q.Data
	}
	found.Into(q)
	return notes
}

// hasArguments reports whether data holds anything but findings about itself.
func hasArguments(data abi.Value) bool {
	for _, m := range data.Items() {
		switch m.Name {
		case "contains_pii", "contains_secret", "pii", "secrets":
		default:
			return true
		}
	}
	return false
}
