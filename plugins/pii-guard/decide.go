package main

import (
	"agentmesh/pdk/abi"
	pdk "agentmesh/pdk/go"
)

// decide has the first rule that covers it speak for each thing found. The strongest of them then decides, as the host
// combines findings.
func decide(t *table, q *pdk.Request, a *pdk.Answer) {
	t.items = t.items[:0]
	t.find(q.Data.Get("contains_secret"), q.Data.Get("secrets"), true)
	t.find(q.Data.Get("contains_pii"), q.Data.Get("pii"), false)
	if len(t.items) == 0 {
		return
	}
	at := place(q)
	for i := range t.items {
		t.items[i].rule = t.first(q, &t.items[i], at)
	}
	for i := range t.rules {
		t.say(i, q, a)
	}
}

// find lists what the host found of a class. A finding that is not spelled out, or of a type it should not have, is
// something without a name: what cannot be told apart is covered by the rules for all of its class.
func (t *table) find(contains, kinds pdk.Value, secret bool) {
	found, isBool := contains.Bool()
	unnamed := found || contains.Exists() && !isBool
	if kinds.Exists() && kinds.Kind() != abi.List {
		unnamed = true
	}
	if kinds.Kind() == abi.List && kinds.Len() > 0 {
		unnamed = false
		for _, k := range kinds.All() {
			t.items = append(t.items, item{kind: k.Text(), secret: secret})
		}
	}
	if unnamed {
		t.items = append(t.items, item{secret: secret})
	}
}

// place is where the action takes what it holds: here only where the host knows that the tool works on this machine and no
// host is named.
func place(q *pdk.Request) string {
	if q.Resource.Get("local").IsTrue() && !unclear(q.Resource.Get("hosts")) {
		return "here"
	}
	return "elsewhere"
}

// unclear reports whether a list of hosts names one, or is none.
func unclear(hosts pdk.Value) bool {
	return hosts.Exists() && (hosts.Kind() != abi.List || hosts.Len() > 0)
}

// first is the first rule that covers the item, -1 for none.
func (t *table) first(q *pdk.Request, x *item, at string) int {
	for i := range t.rules {
		if r := &t.rules[i]; t.covers(r, x) && r.applies(q, at) {
			return i
		}
	}
	return -1
}

func (t *table) covers(r *rule, x *item) bool {
	for _, w := range r.what {
		switch {
		case w == "anything", w == "credentials" && x.secret, w == "personal" && !x.secret:
			return true
		case x.secret:
			if len(w) > len(secretPrefix) && w[:len(secretPrefix)] == secretPrefix && w[len(secretPrefix):] == x.kind {
				return true
			}
		case x.kind != "" && w == x.kind:
			return true
		default:
			if g := t.group(w); g != nil && has(g.kinds, x.kind) {
				return true
			}
		}
	}
	return len(r.what) == 0
}

func (r *rule) applies(q *pdk.Request, at string) bool {
	return (len(r.to) == 0 || has(r.to, at)) &&
		(len(r.actions) == 0 || has(r.actions, q.ActionType())) &&
		(len(r.agents) == 0 || byAgent(r.agents, q)) &&
		(len(r.servers) == 0 || matches(r.servers, q.Action.Get("server"))) &&
		(len(r.purposes) == 0 || matches(r.purposes, q.Data.Get("purpose"))) &&
		(len(r.hosts) == 0 || allMatch(r.hosts, q.Resource.Get("hosts")))
}

func byAgent(patterns []string, q *pdk.Request) bool {
	for _, p := range patterns {
		if q.ByAgent(p) {
			return true
		}
	}
	return false
}

// matches reports whether the value is a string, and one of the patterns is its.
func matches(patterns []string, v pdk.Value) bool {
	s, ok := v.Str()
	for _, p := range patterns {
		if ok && pdk.Glob(p, s) {
			return true
		}
	}
	return false
}

// allMatch reports whether there are hosts, and each is one of the patterns': one that is not would take the data too.
func allMatch(patterns []string, hosts pdk.Value) bool {
	if hosts.Kind() != abi.List || hosts.Len() == 0 {
		return false
	}
	for _, h := range hosts.All() {
		if !matches(patterns, h) {
			return false
		}
	}
	return true
}

// say adds the finding of a rule that covers something.
func (t *table) say(i int, q *pdk.Request, a *pdk.Answer) {
	r := &t.rules[i]
	t.parts = append(t.parts[:0], r.reason, " (")
	said := 0
	for j := range t.items {
		if x := &t.items[j]; x.rule == i {
			if said++; said > 1 {
				t.parts = append(t.parts, ", ")
			}
			t.parts = append(t.parts, t.word(x))
		}
	}
	if said == 0 || r.then == abi.Abstain {
		return
	}
	t.parts = append(t.parts, " to ", whither(q), ")")
	reason := a.Join(t.parts...)
	if r.then == abi.RequireApproval {
		a.RequireApproval(r.name, reason, r.approvers...)
		return
	}
	a.Add(pdk.Finding{Decision: r.then, Rule: r.name, Reason: reason})
}

// word names a thing found. Callers can add to what the host found, so only names that this table knows are repeated.
func (t *table) word(x *item) string {
	switch {
	case x.secret:
		return "a credential"
	case t.listed(x.kind):
		return x.kind
	default:
		return "other personal data"
	}
}

func whither(q *pdk.Request) string {
	if host := q.Resource.Get("hosts").At(0).Text(); host != "" {
		return host
	}
	if server := q.Action.Get("server").Text(); server != "" {
		return server
	}
	return "a server without a name"
}
