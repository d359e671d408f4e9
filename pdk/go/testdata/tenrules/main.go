// Command tenrules is a policy of ten rules for measuring what a decision costs.
package main

import (
	"strings"

	pdk "agentmesh/pdk/go"
)

var plugin = pdk.Policy(decide)

//go:wasmexport evaluate
func evaluate() int32 { return plugin.Evaluate() }

func main() {}

func decide(q *pdk.Request, a *pdk.Answer) {
	kind, tool := q.ActionType(), q.Action.Get("tool").Text()
	trust, known := q.Agent.Get("trust_score").Int()
	pii := q.Data.Get("contains_pii").IsTrue()
	if kind == "export" && pii {
		a.Deny("no-pii-export", "personal data stays here")
	}
	if kind == "delete" {
		a.RequireApproval("approve-delete", "somebody must agree", "security-team")
	}
	if kind == "execute" && (!known || trust < 700) {
		a.Deny("trusted-execute", "only trusted partners run programs")
	}
	if q.Data.Get("contains_secret").IsTrue() {
		a.Deny("no-secrets", "a secret stays here")
	}
	if q.Resource.Get("outside_roots").IsTrue() {
		a.Deny("inside-roots", "nothing outside the folders")
	}
	paths := q.Resource.Get("paths")
	for i := range paths.Len() {
		if strings.HasPrefix(paths.At(i).Text(), "/etc/") {
			a.Deny("no-etc", "the system's own files")
		}
	}
	if strings.Contains(q.Data.Get("query").Text(), "DROP TABLE") {
		a.Deny("no-drop", "tables stay")
	}
	if kind == "write" {
		a.Warn("writes", "something changes")
	}
	if q.Context.Get("environment").Text() == "prod" && tool == "deploy" {
		a.RequireApproval("prod-deploy", "production", "release-team")
	}
	if kind == "read" || kind == "export" && !pii {
		a.Allow("reads", "reads and clean exports")
	}
}
