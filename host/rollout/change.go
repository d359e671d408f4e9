package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// Change says what an edit did, for people and for the ledger.
type Change struct {
	// Action is stage, promote, rollback, pin, yank, or guard.
	Action   string
	Name     string
	Version  string
	From, To Stage // of the version; From is empty where it was not known, both where its stage did not change
	Percent  int   // of a canary
	Reason   string
	Retired  []string // versions that left with it
	Revision int64    // of the lock since
	By       string   // who did it; callers fill it in
}

// Value is the change as the ledger has it: {"rollout":{action,name,version,from,to,percent,reason,retired,revision,by}}; what is
// empty is left out.
func (c *Change) Value() abi.Value {
	var m []abi.Member
	text := func(name, s string) {
		if s != "" {
			m = append(m, abi.Member{Name: name, Value: abi.StringValue(s)})
		}
	}
	text("action", c.Action)
	text("name", c.Name)
	text("version", c.Version)
	text("from", string(c.From))
	text("to", string(c.To))
	if c.Percent > 0 {
		m = append(m, abi.Member{Name: "percent", Value: abi.IntValue(int64(c.Percent))})
	}
	text("reason", c.Reason)
	if len(c.Retired) > 0 {
		m = append(m, abi.Member{Name: "retired", Value: abi.StringsValue(c.Retired)})
	}
	m = append(m, abi.Member{Name: "revision", Value: abi.IntValue(c.Revision)})
	text("by", c.By)
	return abi.ObjectValue(abi.Member{Name: "rollout", Value: abi.ObjectValue(m...)})
}

// StepError says that an edit is not allowed, and what to do instead.
type StepError struct {
	Name, Version string
	Why, Mend     string
}

// Error names plugin, version and reason; the mend is apart.
func (e *StepError) Error() string {
	if e.Version == "" {
		return e.Name + ": " + e.Why
	}
	return e.Name + " " + e.Version + ": " + e.Why
}

func no(name, version, why, mend string) error { return &StepError{name, version, why, mend} }

// NewVersion is a module as it is staged: what it says of itself, and its digests.
func NewVersion(module []byte) (name, kind string, v Version, err error) {
	f, err := sandbox.Inspect(module)
	if err != nil {
		return "", "", v, err
	}
	from, until, err := sandbox.Window(&f.Manifest)
	v = Version{
		Version: f.Manifest.Version, Wasm: digestOf(module), Manifest: digestOf(f.ManifestBytes), Size: int64(len(module)), From: from, Until: until,
	}
	return f.Manifest.Name, f.Manifest.Kind, v, err
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// is reports whether a module is the one that the lock means.
func (v *Version) is(module []byte) error {
	if got := digestOf(module); got != v.Wasm || int64(len(module)) != v.Size {
		return fmt.Errorf("the module has %d bytes and digest %s, the lock wants %d bytes and %s", len(module), got, v.Size, v.Wasm)
	}
	return nil
}
