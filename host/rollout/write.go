package rollout

import (
	"encoding/json"
	"fmt"
	"time"
)

// The file's own form. Members stand in this order.
type (
	lockJSON struct {
		Version  int          `json:"version"`
		Revision int64        `json:"revision"`
		Plugins  []pluginJSON `json:"plugins"`
	}
	pluginJSON struct {
		Name     string        `json:"name"`
		Kind     string        `json:"kind"`
		Source   string        `json:"source,omitempty"`
		Root     string        `json:"root,omitempty"`
		Pinned   string        `json:"pinned,omitempty"`
		Versions []versionJSON `json:"versions"`
	}
	versionJSON struct {
		Version  string     `json:"version"`
		Wasm     string     `json:"wasm"`
		Manifest string     `json:"manifest"`
		OCI      string     `json:"oci,omitempty"`
		Size     int64      `json:"size"`
		Stage    Stage      `json:"stage"`
		Percent  int        `json:"percent,omitempty"`
		Guard    *guardJSON `json:"guard,omitempty"`
		Since    string     `json:"since,omitempty"`
		Reason   string     `json:"reason,omitempty"`
		From     string     `json:"effective_from,omitempty"`
		Until    string     `json:"effective_until,omitempty"`
		Yanked   *yankJSON  `json:"yanked,omitempty"`
	}
	guardJSON struct {
		MaxErrors      *int `json:"max_errors,omitempty"`
		MaxDifferences *int `json:"max_differences,omitempty"`
		MinDecisions   int  `json:"min_decisions"`
	}
	yankJSON struct {
		Reason  string `json:"reason,omitempty"`
		Since   string `json:"since,omitempty"`
		Stopped bool   `json:"stopped,omitempty"`
	}
)

// stamp writes a time as the lock has it, to the fraction of a second that it has.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// AppendLock appends the lock as its file has it: indented, sorted, the same text for the same lock.
func AppendLock(dst []byte, l *Lock) ([]byte, error) {
	out := lockJSON{Version: lockFormat, Revision: l.Revision, Plugins: make([]pluginJSON, len(l.Plugins))}
	for i, p := range l.Plugins {
		out.Plugins[i] = p.json()
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return dst, fmt.Errorf("write the lock: %w", err)
	}
	return append(append(dst, text...), '\n'), nil
}

func (p *Plugin) json() pluginJSON {
	out := pluginJSON{Name: p.Name, Kind: p.Kind, Source: p.Source, Root: p.Root, Pinned: p.Pinned, Versions: make([]versionJSON, len(p.Versions))}
	for i, v := range p.Versions {
		out.Versions[i] = v.json()
	}
	return out
}

func (v *Version) json() versionJSON {
	out := versionJSON{
		Version: v.Version, Wasm: v.Wasm, Manifest: v.Manifest, OCI: v.OCI, Size: v.Size, Stage: v.Stage, Percent: v.Percent,
		Since: stamp(v.Since), Reason: v.Reason, From: stamp(v.From), Until: stamp(v.Until),
	}
	if g := v.Guard; g != nil {
		out.Guard = &guardJSON{g.MaxErrors, g.MaxDifferences, g.MinDecisions}
	}
	if y := v.Yanked; y != nil {
		out.Yanked = &yankJSON{y.Reason, stamp(y.Since), y.Stopped}
	}
	return out
}

// MarshalJSON writes the lock as its file has it.
func (l *Lock) MarshalJSON() ([]byte, error) { return AppendLock(nil, l) }
