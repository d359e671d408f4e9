package mcp

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

// Pins remembers what every tool was when it was first seen, so that a server cannot change what a tool says and does
// behind the back of who trusted it. A tool is pinned by its server, its name and the content of its whole definition,
// whatever the order of members. What differs later waits for approval; until then the tool counts as changed. A tool that
// is listed as it was pinned withdraws the change that waited. Tools that vanish keep their pins.
//
// Pins is safe for concurrent use, and processes share one store.
type Pins struct {
	db  *store.DB
	now func() time.Time
}

// The bounds of what is kept. A tool beyond them counts as changed and is not kept, so it cannot be approved.
const (
	// MaxPins is how many tools of one server are pinned.
	MaxPins = 10_000
	// MaxDefinition is the largest definition that is pinned, in bytes of JSON: more than a person would read.
	MaxDefinition = 256 << 10
)

var (
	// ErrNoPin means that no such tool was ever seen.
	ErrNoPin = errors.New("no such tool was ever seen")
	// ErrNoChange means that nothing of the tool waits for approval.
	ErrNoChange = errors.New("no change waits for approval")
	// ErrOtherChange means that what waits is not what was looked at.
	ErrOtherChange = errors.New("another change waits for approval by now")
)

// PinState says how a definition stands to its pin.
type PinState uint8

// The states of a pin.
const (
	PinNew     PinState = iota // seen for the first time, and pinned
	PinSame                    // as it was pinned
	PinChanged                 // not as it was pinned, and not approved
)

// String is the state's name: new, pinned or changed.
func (s PinState) String() string { return [...]string{"new", "pinned", "changed"}[s] }

// Pin is one tool of one server.
type Pin struct {
	Server, Name string
	State        PinState
	// Hash is of the definition seen, or in a list of the one pinned, which Definition is, as JSON.
	Hash, Definition string
	// Pinned is when it was first seen, Approved when a change of it was last approved, Gone since when its server no longer
	// lists it; zero times: never. See leaves them and Definition out.
	Pinned, Approved, Gone time.Time
}

// Change is a definition that waits for approval beside the one it would replace.
type Change struct {
	Server, Name     string
	OldHash, NewHash string
	Old, New         string // JSON
	Seen             time.Time
}

//go:embed pins/*.sql
var pinFiles embed.FS

// NewPins prepares the table.
func NewPins(ctx context.Context, db *store.DB) (*Pins, error) {
	files, err := fs.Sub(pinFiles, "pins")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "tools", files); err != nil {
		return nil, err
	}
	return &Pins{db: db, now: time.Now}, nil
}

// hashOf is the content hash of a definition.
func hashOf(tool abi.Value) string {
	sum := sha256.Sum256(abi.AppendCanonical(nil, tool))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// timeOf reads a time of the store.
func timeOf(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// List gives the pins of a server, or of all (server is empty), by server and name.
func (p *Pins) List(ctx context.Context, server string) (pins []Pin, err error) {
	err = p.db.Read(ctx, func(tx *store.Tx) error {
		pins = nil
		rows, err := tx.Query(`SELECT server, name, hash, definition, pending_hash, pinned_at, approved_at, gone_at FROM tools_pins
			WHERE server = ? OR ? = '' ORDER BY server, name`, server, server)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var pin Pin
			var pending string
			var pinned, approved, gone int64
			if err := rows.Scan(&pin.Server, &pin.Name, &pin.Hash, &pin.Definition, &pending, &pinned, &approved, &gone); err != nil {
				return err
			}
			pin.State = PinSame
			if pending != "" {
				pin.State = PinChanged
			}
			pin.Pinned, pin.Approved, pin.Gone = timeOf(pinned), timeOf(approved), timeOf(gone)
			pins = append(pins, pin)
		}
		return rows.Err()
	})
	return pins, wrapPins("list the pins", err)
}

func wrapPins(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Diff gives what waits for approval: of one tool, of all tools of a server (tool is empty), or of all servers (both are),
// by server and name. For one tool, ErrNoPin and ErrNoChange say why there is nothing.
func (p *Pins) Diff(ctx context.Context, server, tool string) (changes []Change, err error) {
	err = p.db.Read(ctx, func(tx *store.Tx) error {
		changes, err = pendingOf(tx, server, tool)
		if err == nil && tool != "" && len(changes) == 0 {
			return whyNone(tx, server, tool)
		}
		return err
	})
	return changes, wrapPins("changes of tools", err)
}

func pendingOf(tx *store.Tx, server, tool string) ([]Change, error) {
	rows, err := tx.Query(`SELECT server, name, hash, definition, pending_hash, pending_definition, pending_at FROM tools_pins
		WHERE pending_hash <> '' AND (server = ? OR ? = '') AND (name = ? OR ? = '') ORDER BY server, name`, server, server, tool, tool)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Change
	for rows.Next() {
		var c Change
		var seen int64
		if err := rows.Scan(&c.Server, &c.Name, &c.OldHash, &c.Old, &c.NewHash, &c.New, &seen); err != nil {
			return nil, err
		}
		c.Seen = timeOf(seen)
		out = append(out, c)
	}
	return out, rows.Err()
}

func whyNone(tx *store.Tx, server, tool string) error {
	var n int
	if err := tx.QueryRow(`SELECT COUNT(*) FROM tools_pins WHERE server = ? AND name = ?`, server, tool).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return ErrNoPin
	}
	return ErrNoChange
}

// Approve makes a change that waits the tool's pin. The change is the one that was looked at, as Diff gave it: where
// another one waits by now the answer is ErrOtherChange.
func (p *Pins) Approve(ctx context.Context, c Change) error {
	at := p.now().UnixNano()
	err := p.db.Write(ctx, func(tx *store.Tx) error {
		done, err := tx.Exec(`UPDATE tools_pins SET hash = pending_hash, definition = pending_definition, approved_at = ?,
			pending_hash = '', pending_definition = '', pending_at = 0
			WHERE server = ? AND name = ? AND hash = ? AND pending_hash = ?`, at, c.Server, c.Name, c.OldHash, c.NewHash)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 1 {
			return err
		}
		waiting, err := pendingOf(tx, c.Server, c.Name)
		if err == nil && len(waiting) > 0 {
			err = ErrOtherChange
		}
		if err == nil {
			err = whyNone(tx, c.Server, c.Name)
		}
		return err
	})
	return wrapPins("approve "+c.Server+" "+c.Name, err)
}
