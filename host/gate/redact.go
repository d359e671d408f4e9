package gate

import (
	"strconv"
	"strings"

	"agentmesh/host/scan"
	"agentmesh/pdk/abi"
)

// longString is the bytes from which on a string is recorded by its keyed hash alone.
const longString = 4 << 10

// The members that stand in the ledger for what is kept out of it.
const (
	memberRedacted = "$redacted"
	memberHMAC     = "$hmac"
	memberLen      = "len"
	// hiddenName and a number stand for a member's name.
	hiddenName = "$redacted "
	// redactedByPolicy is the kind of what a policy's redact names.
	redactedByPolicy = "policy"
)

// redactor makes of a request what may be written down: a string that holds a secret becomes {"$redacted": kind}, a path
// that a policy names {"$redacted": "policy"}, a string over 4 KiB {"$hmac", "len"}. Secrets in members' names are
// replaced in the name. It never touches the request it is given.
type redactor struct {
	hmac func(string) string
}

// request returns q itself where nothing is to be kept out, which is the common case and allocates nothing.
func (r redactor) request(q *abi.Request, paths [][]abi.Step) abi.Request {
	out := *q
	for i, part := range partsOf(&out) {
		// Only what callers fill has members whose names tell of secrets.
		if f := (field{byName: i == partData || i == partResult}); !f.clean(*part) {
			*part = r.value(*part, f)
		}
	}
	for _, path := range paths {
		if !out.Lookup(path).Exists() {
			continue
		}
		if part := partOf(&out, path[0].Name); part != nil {
			*part = redactAt(*part, path[1:])
		}
	}
	return out
}

// The places of parts in partsOf.
const (
	partData   = 3
	partResult = 6
)

func partsOf(q *abi.Request) [7]*abi.Value {
	return [7]*abi.Value{&q.Agent, &q.Action, &q.Tool, &q.Data, &q.Resource, &q.Context, &q.Result}
}

func partOf(q *abi.Request, name string) *abi.Value {
	for i, n := range [7]string{"agent", "action", "tool", "data", "resource", "context", "result"} {
		if n == name {
			return partsOf(q)[i]
		}
	}
	return nil
}

// field is where a value stands: the name of the nearest member, and whether such names tell of secrets there.
type field struct {
	name   string
	byName bool
}

func (f field) member(name string) field {
	if name != "" {
		f.name = name
	}
	return f
}

// secret is the kind of a secret that the text in this field is or holds, or empty.
func (f field) secret(s string) string {
	if kind := secretIn(s); kind != "" || !f.byName || f.name == "" {
		return kind
	}
	if found := scan.FindValue(f.name, s); !found.Empty() {
		return firstOf(found)
	}
	return ""
}

// clean reports whether v may be written down as it is.
func (f field) clean(v abi.Value) bool {
	switch v.Kind() {
	case abi.String:
		return len(v.Text()) <= longString && f.secret(v.Text()) == ""
	case abi.List, abi.Object:
		for i := range v.Items() {
			m := &v.Items()[i]
			if !cleanName(m.Name) || !f.member(m.Name).clean(m.Value) {
				return false
			}
		}
	}
	return true
}

// shortest is the length under which nothing is taken for a secret.
const shortest = 8

func cleanName(s string) bool { return len(s) < shortest || len(s) <= longString && secretIn(s) == "" }

// longestDID is longer than any agent's DID.
const longestDID = 160

func isDID(s string) bool {
	name, ok := strings.CutPrefix(s, "did:mesh:")
	return ok && len(s) <= longestDID && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-:") == ""
}

// secretIn is the kind of a secret that the text holds, or empty.
func secretIn(s string) string {
	if len(s) < shortest {
		return ""
	}
	if isDID(s) {
		return "" // a fingerprint is as random as a key, and public
	}
	if found := scan.Find(s, scan.Secret); !found.Empty() {
		return firstOf(found)
	}
	return ""
}

func firstOf(found scan.Set) string {
	if names := found.Names(scan.Secret); len(names) > 0 {
		return names[0]
	}
	return ""
}

func (r redactor) value(v abi.Value, f field) abi.Value {
	switch v.Kind() {
	case abi.String:
		return r.text(v, f)
	case abi.List:
		items := make([]abi.Value, v.Len())
		for i := range items {
			items[i] = r.value(v.At(i), f)
		}
		return abi.ListValue(items...)
	case abi.Object:
		members := make([]abi.Member, v.Len())
		for i, m := range v.Items() {
			members[i] = abi.Member{Name: m.Name, Value: r.value(m.Value, f.member(m.Name))}
			if !cleanName(m.Name) {
				members[i].Name = hiddenName + strconv.Itoa(i)
			}
		}
		return abi.ObjectValue(members...)
	default:
		return v
	}
}

func (r redactor) text(v abi.Value, f field) abi.Value {
	s := v.Text()
	if len(s) > longString {
		return abi.ObjectValue(
			abi.Member{Name: memberHMAC, Value: abi.StringValue(r.hmac(s))},
			abi.Member{Name: memberLen, Value: abi.IntValue(int64(len(s)))},
		)
	}
	if kind := f.secret(s); kind != "" {
		return redacted(kind)
	}
	return v
}

// key is what an agent's counters go by: the name itself, or its keyed hash where it holds a secret or is very long.
func (r redactor) key(agent string) string {
	if len(agent) <= maxField && secretIn(agent) == "" {
		return agent
	}
	return memberHMAC + ":" + r.hmac(agent)
}

// body is what may be written down of an entry's body.
func (r redactor) body(v abi.Value) abi.Value {
	if f := (field{byName: true}); !f.clean(v) {
		return r.value(v, f)
	}
	return v
}

func redacted(kind string) abi.Value {
	return abi.ObjectValue(abi.Member{Name: memberRedacted, Value: abi.StringValue(kind)})
}

// redactAt replaces what stands at the path, which is known to lead somewhere.
func redactAt(v abi.Value, path []abi.Step) abi.Value {
	if len(path) == 0 {
		return redacted(redactedByPolicy)
	}
	if !path[0].IsIndex {
		return v.With(path[0].Name, redactAt(v.Get(path[0].Name), path[1:]))
	}
	items := make([]abi.Value, v.Len())
	for i := range items {
		items[i] = v.At(i)
	}
	items[path[0].Index] = redactAt(items[path[0].Index], path[1:])
	return abi.ListValue(items...)
}

// said is a text for people, or a note in its place when it holds a secret.
func said(s string) string {
	if kind := secretIn(s); kind != "" {
		return "withheld: the text holds a secret (" + kind + ")"
	}
	return s
}

// saidAll is said of each text, in a new slice.
func saidAll(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = said(s)
	}
	return out
}

// finish makes what a verdict says fit to be read by others: no secrets, and for a result that is withheld, what a caller
// must know before it tries again.
func finish(v *abi.Verdict, stage string) {
	v.Reason = said(v.Reason)
	for i, w := range v.Warnings {
		v.Warnings[i] = said(w)
	}
	if stage == abi.StagePostTool && v.Decision == abi.Deny {
		const done = "the action has already happened; its result is withheld"
		if v.Reason = strings.TrimSpace(v.Reason); v.Reason == "" {
			v.Reason = done
		} else {
			v.Reason = done + ": " + v.Reason
		}
	}
}
