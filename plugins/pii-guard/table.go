package main

import (
	"errors"
	"strconv"

	"agentmesh/pdk/abi"
	pdk "agentmesh/pdk/go"
)

// table is the rules in their order, the operator's before the shipped ones, and room for one decision.
type table struct {
	groups []group
	rules  []rule
	items  []item
	parts  []string
}

// group is kinds under one name.
type group struct {
	name  string
	kinds []string
}

// rule covers what matches all that it says; a list left out matches everything.
type rule struct {
	name, reason string
	then         abi.Decision // Abstain: what it covers passes in silence
	what         []string     // anything, personal, credentials, a group, or a kind
	to           []string     // here, elsewhere
	hosts        []string     // globs; every host must match one
	servers      []string     // globs
	agents       []string     // name, short or full DID, globs
	purposes     []string     // globs
	actions      []string
	approvers    []string
}

// item is one kind of thing found, and the rule that covers it.
type item struct {
	kind   string // empty: something that the host does not name
	secret bool
	rule   int
}

// tableOf reads the settings and the shipped table.
func tableOf(settings pdk.Value) (*table, error) {
	ours, err := pdk.ReadValue(shipped)
	if err != nil {
		return nil, errors.New("rules.json: " + err.Error())
	}
	t := &table{}
	for name, kinds := range ours.Get("groups").All() {
		t.groups = append(t.groups, group{name, texts(kinds)})
	}
	for _, from := range [...]pdk.Value{settings.Get("rules"), ours.Get("rules")} {
		for _, v := range from.All() {
			if err := t.add(v); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// add checks what a mistake in would make a rule cover more or less than it says.
func (t *table) add(v pdk.Value) error {
	r := rule{
		name: v.Get("name").Text(), reason: v.Get("reason").Text(), what: texts(v.Get("what")), to: texts(v.Get("to")), hosts: texts(v.Get("hosts")),
		servers: texts(v.Get("servers")), agents: texts(v.Get("agents")), purposes: texts(v.Get("purposes")), actions: texts(v.Get("actions")),
		approvers: texts(v.Get("approvers")),
	}
	if r.name == "" {
		return errors.New("rules: a rule without a name")
	}
	for i := range t.rules {
		if t.rules[i].name == r.name {
			return errors.New("rules: " + strconv.Quote(r.name) + " a second time")
		}
	}
	for name, list := range v.All() {
		if !known(name) || list.Kind() == abi.List && list.Len() == 0 {
			return errors.New("rules: " + r.name + ": " + strconv.Quote(name) + " is no member, or an empty list")
		}
	}
	for _, w := range r.what {
		if !t.names(w) {
			return errors.New("rules: " + r.name + ": what: there is no group or kind " + strconv.Quote(w))
		}
	}
	var ok bool
	if r.then, ok = thenOf(v.Get("then").Text()); !ok {
		return errors.New("rules: " + r.name + ": then must be one of deny, require_approval, warn, log, pass")
	}
	t.rules = append(t.rules, r)
	return nil
}

func known(member string) bool {
	switch member {
	case "name", "reason", "what", "to", "hosts", "servers", "agents", "purposes", "actions", "approvers", "then":
		return true
	default:
		return false
	}
}

func thenOf(s string) (abi.Decision, bool) {
	if s == "pass" {
		return abi.Abstain, true
	}
	d, ok := abi.ParseDecision(s)
	return d, ok && d != abi.Allow && d != abi.Abstain
}

// names reports whether w can stand under what. Kinds of credentials are too many to list: they are taken by their class
// or by a name of the host's, which this table need not know.
func (t *table) names(w string) bool {
	if w == "anything" || w == "personal" || w == "credentials" || t.group(w) != nil {
		return true
	}
	return t.listed(w) || len(w) > len(secretPrefix) && w[:len(secretPrefix)] == secretPrefix
}

// secretPrefix stands before a kind of credential under what, as in credential:aws_access_key.
const secretPrefix = "credential:"

func (t *table) group(name string) *group {
	for i := range t.groups {
		if t.groups[i].name == name {
			return &t.groups[i]
		}
	}
	return nil
}

// listed reports whether the kind of personal data is one of the table's.
func (t *table) listed(kind string) bool {
	for i := range t.groups {
		if has(t.groups[i].kinds, kind) {
			return true
		}
	}
	return false
}

func texts(list pdk.Value) []string {
	var out []string
	for _, v := range list.All() {
		out = append(out, v.Text())
	}
	return out
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
