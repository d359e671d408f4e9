package mcp

import (
	"context"

	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

// See compares the tools that a server lists, or one page of them, with their pins, and pins those that are new. It gives
// as many pins as there are tools, in their order. Two tools of one name that differ are both changed; so is a tool without
// a name. It writes only when there is something to remember.
func (p *Pins) See(ctx context.Context, server string, tools []abi.Value) ([]Pin, error) {
	seen := make([]sight, len(tools))
	for i, tool := range tools {
		seen[i] = sight{pin: Pin{Server: server, Name: tool.Get("name").Text(), Hash: hashOf(tool)}, tool: tool}
	}
	ambiguous := twins(seen)
	news := false
	err := p.db.Read(ctx, func(tx *store.Tx) (err error) {
		news, err = compare(tx, server, seen, ambiguous)
		return err
	})
	if err == nil && news {
		err = p.db.Write(ctx, func(tx *store.Tx) error {
			if _, err := compare(tx, server, seen, ambiguous); err != nil {
				return err
			}
			return remember(tx, seen, p.now().UnixNano())
		})
	}
	if err != nil {
		return nil, wrapPins("compare the tools of "+server+" with their pins", err)
	}
	pins := make([]Pin, len(seen))
	for i := range seen {
		pins[i] = seen[i].pin
	}
	return pins, nil
}

// sight is one tool as it was seen, and what is to be remembered of it.
type sight struct {
	pin  Pin
	tool abi.Value
	todo todo
}

type todo uint8

const (
	nothing todo = iota
	pinIt
	waits
	returned // as it was pinned: a change that waited is withdrawn, and it is no longer gone
)

// twins are the names that several tools bear which differ.
func twins(seen []sight) map[string]bool {
	hashes := make(map[string]string, len(seen))
	out := map[string]bool{"": true}
	for _, s := range seen {
		if h, ok := hashes[s.pin.Name]; ok && h != s.pin.Hash {
			out[s.pin.Name] = true
		}
		hashes[s.pin.Name] = s.pin.Hash
	}
	return out
}

// pinned is a row of the table.
type pinned struct {
	hash, pending string
	gone          bool
}

// compare finds the state of every tool, and reports whether there is anything to remember.
func compare(tx *store.Tx, server string, seen []sight, ambiguous map[string]bool) (news bool, err error) {
	rows, err := pinnedOf(tx, server)
	if err != nil {
		return false, err
	}
	for i := range seen {
		s := &seen[i]
		row, known := rows[s.pin.Name]
		s.todo = nothing
		switch {
		case ambiguous[s.pin.Name]:
			s.pin.State = PinChanged
		case !known && len(rows) >= MaxPins, len(abi.AppendJSON(nil, s.tool)) > MaxDefinition:
			s.pin.State = PinChanged
		case !known:
			s.pin.State, s.todo = PinNew, pinIt
			rows[s.pin.Name] = pinned{hash: s.pin.Hash}
		case row.hash == s.pin.Hash:
			s.pin.State = PinSame
			if row.pending != "" || row.gone {
				s.todo = returned
			}
		default:
			s.pin.State = PinChanged
			if row.pending != s.pin.Hash || row.gone {
				s.todo = waits
			}
		}
		news = news || s.todo != nothing
	}
	return news, nil
}

func pinnedOf(tx *store.Tx, server string) (map[string]pinned, error) {
	rows, err := tx.Query(`SELECT name, hash, pending_hash, gone_at FROM tools_pins WHERE server = ?`, server)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]pinned{}
	for rows.Next() {
		var name string
		var row pinned
		var gone int64
		if err := rows.Scan(&name, &row.hash, &row.pending, &gone); err != nil {
			return nil, err
		}
		row.gone = gone != 0
		out[name] = row
	}
	return out, rows.Err()
}

// remember writes down what compare found to be new.
func remember(tx *store.Tx, seen []sight, at int64) error {
	for i := range seen {
		s := &seen[i]
		var err error
		switch s.todo {
		case pinIt:
			_, err = tx.Exec(`INSERT INTO tools_pins (server, name, hash, definition, pinned_at) VALUES (?, ?, ?, ?, ?)`,
				s.pin.Server, s.pin.Name, s.pin.Hash, string(abi.AppendJSON(nil, s.tool)), at)
		case waits:
			_, err = tx.Exec(`UPDATE tools_pins SET pending_hash = ?, pending_definition = ?, pending_at = ?, gone_at = 0
				WHERE server = ? AND name = ?`, s.pin.Hash, string(abi.AppendJSON(nil, s.tool)), at, s.pin.Server, s.pin.Name)
		case returned:
			_, err = tx.Exec(`UPDATE tools_pins SET pending_hash = '', pending_definition = '', pending_at = 0, gone_at = 0
				WHERE server = ? AND name = ?`, s.pin.Server, s.pin.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Whole says which tools a server's list has, when it was read to its end: pinned tools that are not among them are
// remembered as gone. It gives the names that vanished since the last time.
func (p *Pins) Whole(ctx context.Context, server string, names []string) ([]string, error) {
	there := make(map[string]bool, len(names))
	for _, n := range names {
		there[n] = true
	}
	vanished, err := p.missing(ctx, server, there)
	if err != nil || len(vanished) == 0 {
		return nil, wrapPins("vanished tools of "+server, err)
	}
	at := p.now().UnixNano()
	err = p.db.Write(ctx, func(tx *store.Tx) error {
		for _, n := range vanished {
			if _, err := tx.Exec(`UPDATE tools_pins SET gone_at = ? WHERE server = ? AND name = ? AND gone_at = 0`, at, server, n); err != nil {
				return err
			}
		}
		return nil
	})
	return vanished, wrapPins("vanished tools of "+server, err)
}

func (p *Pins) missing(ctx context.Context, server string, there map[string]bool) (vanished []string, err error) {
	pins, err := p.List(ctx, server)
	for _, pin := range pins {
		if !there[pin.Name] && pin.Gone.IsZero() {
			vanished = append(vanished, pin.Name)
		}
	}
	return vanished, err
}

// Others are the names of other servers' tools that a server has no tool of itself: names it has no reason to speak of.
func (p *Pins) Others(ctx context.Context, server string) (names []string, err error) {
	err = p.db.Read(ctx, func(tx *store.Tx) error {
		names = nil
		rows, err := tx.Query(`SELECT DISTINCT name FROM tools_pins WHERE server <> ?
			AND name NOT IN (SELECT name FROM tools_pins WHERE server = ?) ORDER BY name`, server, server)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			names = append(names, name)
		}
		return rows.Err()
	})
	return names, wrapPins("tools of other servers", err)
}
