package mcp

import (
	"maps"
	"slices"
	"sync"

	"agentmesh/pdk/abi"
)

// listed is what a server's list says of a tool.
type listed struct {
	annotations, outputSchema abi.Value
	properties                abi.Value // of its inputSchema
	notes                     Notes
}

// catalog remembers the tools of the last list that was seen, page by page.
type catalog struct {
	mu sync.Mutex
	// whole is the last list seen to its end; nil before there is one. part is a list that has further pages, over which
	// whole still holds.
	whole, part map[string]listed
}

// add takes one page: the first of a list begins anew, the last makes it whole and gives the names of all.
func (c *catalog) add(page map[string]listed, first, last bool) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first || c.part == nil {
		c.part = make(map[string]listed, len(page))
	}
	for name, t := range page {
		c.part[name] = t
	}
	if !last {
		return nil
	}
	c.whole, c.part = c.part, nil
	return slices.Sorted(maps.Keys(c.whole))
}

// find is what is known of a tool. lacking: a whole list was seen, and neither it nor what followed has the tool.
func (c *catalog) find(name string) (t listed, known, lacking bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, known = c.part[name]; known {
		return t, true, false
	}
	t, known = c.whole[name]
	return t, known, !known && c.whole != nil && c.part == nil
}

// seen reports whether a whole list was seen.
func (c *catalog) seen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whole != nil
}

// pageOf reads the tools of a page.
func pageOf(tools []abi.Value, notes []Notes) map[string]listed {
	page := make(map[string]listed, len(tools))
	for i, t := range tools {
		page[t.Get("name").Text()] = listed{
			annotations: t.Get("annotations"), outputSchema: t.Get("outputSchema"),
			properties: t.Get("inputSchema").Get("properties"), notes: notes[i],
		}
	}
	return page
}

// facts are what rules see as tool, beside the annotations.
func (n *Notes) facts() abi.Value {
	return abi.ObjectValue(
		abi.Member{Name: "flagged", Value: abi.BoolValue(n.Flagged)},
		abi.Member{Name: "changed", Value: abi.BoolValue(n.Changed)},
	)
}

// marks remembers what was remarkable about prompts and resources that were listed, by the request that would use them.
type marks struct {
	mu   sync.Mutex
	seen map[use]Notes
}

// use is a request that uses something listed: prompts/get of a name, resources/read of a URI.
type use struct{ method, name string }

// set notes what was found; what is unremarkable needs no memory.
func (m *marks) set(u use, n Notes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !n.Flagged && !n.Changed {
		delete(m.seen, u)
		return
	}
	if m.seen == nil {
		m.seen = make(map[use]Notes)
	}
	m.seen[u] = n
}

// facts are what rules see as tool of a prompt or resource; missing where nothing was remarkable.
func (m *marks) facts(u use) abi.Value {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n, marked := m.seen[u]; marked {
		return n.facts()
	}
	return abi.Value{}
}

// taskLog remembers which decided call made a task, so that asking after the task belongs to that decision.
type taskLog struct {
	mu    sync.Mutex
	made  map[string]*entry
	order []string
}

const maxTasks = 10_000

func (l *taskLog) add(id string, e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made == nil {
		l.made = make(map[string]*entry)
	}
	if l.made[id] == nil {
		l.order = append(l.order, id)
	}
	l.made[id] = e
	if len(l.order) > maxTasks {
		delete(l.made, l.order[0])
		l.order = l.order[1:]
	}
}

func (l *taskLog) find(id string) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made[id]
}
