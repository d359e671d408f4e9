package release

import (
	"errors"

	"agentmesh/host/oci"
	"agentmesh/pdk/abi"
)

// Event is something that the ledger should know of trust: what was taken, forgotten or refused. What does not bear on it is
// empty.
type Event struct {
	// Action is one of the Event constants.
	Action string
	// Root is the trust root, RootVersion the version of root or index that was taken, Digest that of root, permit or module.
	Root        string
	RootVersion int64
	Digest      string
	// Plugin and Version are of a module or a permit; Source is where it came from.
	Plugin, Version, Source string
	// Code and Reason are those of a refusal; a permit has its reason too.
	Code   abi.Code
	Reason string
}

// The actions of events.
const (
	EventRootTaken   = "root_taken"
	EventRootRemoved = "root_removed"
	EventIndexTaken  = "index_taken"
	EventPermitTaken = "permit_taken"
	EventModuleTaken = "module_taken"
	EventRefused     = "refused"
)

// Value is the event as the body of a ledger entry of kind trust: {"trust":{action,root,root_version,digest,plugin,version,source,
// code,reason}}, without what is empty.
func (e *Event) Value() abi.Value {
	members := []abi.Member{{Name: "action", Value: abi.StringValue(e.Action)}}
	text := func(name, s string) {
		if s != "" {
			members = append(members, abi.Member{Name: name, Value: abi.StringValue(s)})
		}
	}
	text("root", e.Root)
	if e.RootVersion > 0 {
		members = append(members, abi.Member{Name: "root_version", Value: abi.IntValue(e.RootVersion)})
	}
	text("digest", e.Digest)
	text("plugin", e.Plugin)
	text("version", e.Version)
	text("source", e.Source)
	text("code", string(e.Code))
	text("reason", e.Reason)
	return abi.ObjectValue(abi.Member{Name: "trust", Value: abi.ObjectValue(members...)})
}

// Changes are the events that lie between two looks at the known trust roots (Trust.Roots).
func Changes(before, after []Known) []Event {
	var out []Event
	old := map[string]*Known{}
	for i := range before {
		old[before[i].Root.Name] = &before[i]
	}
	for i := range after {
		k := &after[i]
		was := old[k.Root.Name]
		delete(old, k.Root.Name)
		if was == nil || was.Fingerprint != k.Fingerprint {
			out = append(out, Event{Action: EventRootTaken, Root: k.Root.Name, RootVersion: k.Root.Version, Digest: k.Fingerprint, Source: k.Root.Source})
		}
		if k.Index != nil && (was == nil || was.Index == nil || was.Index.Version != k.Index.Version) {
			out = append(out, Event{Action: EventIndexTaken, Root: k.Root.Name, RootVersion: k.Index.Version})
		}
		out = append(out, permitsTaken(was, k)...)
	}
	for i := range before {
		if name := before[i].Root.Name; old[name] != nil {
			out = append(out, Event{Action: EventRootRemoved, Root: name, RootVersion: before[i].Root.Version, Digest: before[i].Fingerprint})
		}
	}
	return out
}

func permitsTaken(before, after *Known) []Event {
	had := map[string]bool{}
	if before != nil {
		for _, p := range before.Permits {
			had[string(p.Payload())] = true
		}
	}
	var out []Event
	for _, p := range after.Permits {
		if !had[string(p.Payload())] {
			out = append(out, Event{
				Action: EventPermitTaken, Root: after.Root.Name, Digest: p.Wasm, Plugin: p.Plugin, Version: p.Version, Reason: p.Reason,
			})
		}
	}
	return out
}

// Refused is the event that something was refused, and whether the error is a refusal at all: not every failure says something
// of trust. Bytes that are not what was asked for are refused as signatures are.
func Refused(err error) (Event, bool) {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return Event{Action: EventRefused, Source: r.Place, Code: r.Code, Reason: r.Error()}, true
	}
	if e, ok := errors.AsType[*oci.Error](err); ok && e.Refuses() {
		return Event{Action: EventRefused, Source: e.Place, Code: e.Code, Reason: e.Error()}, true
	}
	return Event{}, false
}
