package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host/identity"
	"agentmesh/host/release"
)

func showTrustRootCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "show [ROOT|FILE]",
		Short: "Show the trust roots that are known, or one of them, or one in a file",
		Args:  takes(0, 1, "one root at most"),
	}
	output := format(c, "table", "json")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 1 {
			r, envelope, err := e.findRoot(args[0])
			if err != nil {
				return err
			}
			return e.showRoot(rootOf(r, envelope), *output)
		}
		return e.showRoots(*output)
	}
	return c
}

type rootJSON struct {
	Name        string        `json:"name"`
	Version     int64         `json:"version"`
	Fingerprint string        `json:"fingerprint"`
	Issued      time.Time     `json:"issued"`
	Expires     time.Time     `json:"expires"`
	Source      string        `json:"source,omitempty"`
	Keys        []rootKeyJSON `json:"keys"`
	Root        roleJSON      `json:"root"`
	Index       *roleJSON     `json:"index,omitempty"`
	Scopes      []scopeJSON   `json:"scopes"`
	// Only is what the operator lets it speak for.
	Only []string `json:"only,omitempty"`
	// SignedBy are the owners whose signatures on it verify, Problem why they are not enough.
	SignedBy []string `json:"signed_by"`
	Problem  string   `json:"problem,omitempty"`
}

type rootKeyJSON struct {
	ID      identity.KeyID `json:"id"`
	Owner   string         `json:"owner,omitempty"`
	Revoked string         `json:"revoked,omitempty"`
}

type roleJSON struct {
	Threshold int      `json:"threshold"`
	Owners    []string `json:"owners"`
}

type scopeJSON struct {
	Prefix string `json:"prefix"`
	roleJSON
}

func roleOf(r *release.Root, role release.Role) roleJSON {
	out := roleJSON{Threshold: role.Threshold, Owners: []string{}}
	for _, id := range role.Keys {
		out.Owners = append(out.Owners, r.Owner(id))
	}
	return out
}

func rootOf(r *release.Root, envelope *release.Envelope) *rootJSON {
	out := &rootJSON{
		Name: r.Name, Version: r.Version, Fingerprint: envelope.Digest(), Issued: r.Issued, Expires: r.Expires, Source: r.Source,
		Root: roleOf(r, r.Root), SignedBy: []string{},
	}
	revoked := map[identity.KeyID]string{}
	for _, v := range r.Revoked {
		revoked[v.Key] = v.Reason
		if v.Reason == "" {
			revoked[v.Key] = "revoked"
		}
	}
	for _, k := range r.Keys {
		out.Keys = append(out.Keys, rootKeyJSON{k.Key.ID(), k.Owner, revoked[k.Key.ID()]})
	}
	if r.Index != nil {
		x := roleOf(r, *r.Index)
		out.Index = &x
	}
	for _, s := range r.Scopes {
		out.Scopes = append(out.Scopes, scopeJSON{s.Prefix, roleOf(r, s.Role)})
	}
	for _, id := range r.SignedBy(envelope, r.Root) {
		out.SignedBy = append(out.SignedBy, r.Owner(id))
	}
	if _, err := release.VerifyFirst(envelope); err != nil {
		out.Problem = err.Error()
	}
	return out
}

func (e *env) showRoot(r *rootJSON, output string) error {
	if output == "json" {
		return e.json(r)
	}
	e.table(nil, [][]string{
		{"root", r.Name},
		{"version", fmt.Sprint(r.Version)},
		{"fingerprint", r.Fingerprint},
		{"issued", stamp(r.Issued)},
		{"expires", stamp(r.Expires)},
		{"signed by", listed(r.SignedBy)},
		{"source", orNone(r.Source)},
	})
	if r.Problem != "" {
		e.printf("not in force: %s\n", plain(r.Problem))
	}
	e.printf("\n")
	rows := [][]string{{"the root itself", fmt.Sprint(r.Root.Threshold), strings.Join(r.Root.Owners, ", ")}}
	if r.Index != nil {
		rows = append(rows, []string{"indexes", fmt.Sprint(r.Index.Threshold), strings.Join(r.Index.Owners, ", ")})
	}
	for _, s := range r.Scopes {
		rows = append(rows, []string{s.Prefix, fmt.Sprint(s.Threshold), strings.Join(s.Owners, ", ")})
	}
	e.table([]string{"SIGNS", "NEEDS", "OF"}, rows)
	e.printf("\n")
	rows = nil
	for _, k := range r.Keys {
		state := ""
		if k.Revoked != "" {
			state = "revoked: " + k.Revoked
		}
		rows = append(rows, []string{k.Owner, string(k.ID), state})
	}
	e.table([]string{"OWNER", "KEY", ""}, rows)
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func (e *env) showRoots(output string) error {
	t, err := e.trust()
	if err != nil {
		return err
	}
	roots, err := t.Roots()
	if err != nil {
		return refusal(err)
	}
	status := t.Status(nil)
	if output == "json" {
		return e.json(map[string]any{"roots": rootsJSON(roots, status.Roots), "problems": trustProblemsJSON(status.Problems)})
	}
	if len(roots) == 0 {
		e.printf("no trust root is known; `agentmesh plugin sign` makes a local one, `agentmesh trust-root add` takes another's\n")
		return nil
	}
	var rows [][]string
	for i, r := range roots {
		s := status.Roots[i]
		index := "none"
		if s.IndexStanding != release.StandingNone {
			index = fmt.Sprintf("%d, %s until %s", s.IndexVersion, s.IndexStanding, stamp(s.IndexExpires))
		}
		rows = append(rows, []string{s.Name, fmt.Sprint(s.Version), stamp(s.Expires), index, scopesOf(&r), s.Fingerprint})
	}
	e.table([]string{"ROOT", "VERSION", "EXPIRES", "INDEX", "SPEAKS FOR", "FINGERPRINT"}, rows)
	for _, p := range status.Problems {
		e.printf("%s: %s\n", p.Code, plain(p.Message))
	}
	return nil
}

func scopesOf(k *release.Known) string {
	var out []string
	for _, s := range k.Root.Scopes {
		out = append(out, s.Prefix)
	}
	if len(k.Only) > 0 {
		return strings.Join(out, ", ") + " (only " + strings.Join(k.Only, ", ") + ")"
	}
	return strings.Join(out, ", ")
}

type knownJSON struct {
	*rootJSON
	IndexVersion int64            `json:"index_version,omitempty"`
	IndexExpires *time.Time       `json:"index_expires,omitempty"`
	IndexState   release.Standing `json:"index_state"`
	State        release.Standing `json:"state"`
}

func rootsJSON(roots []release.Known, status []release.RootStatus) []knownJSON {
	out := []knownJSON{}
	for i, k := range roots {
		j := rootOf(k.Root, &k.Signed)
		j.Only = k.Only
		one := knownJSON{rootJSON: j, IndexVersion: status[i].IndexVersion, IndexState: status[i].IndexStanding, State: status[i].Standing}
		if !status[i].IndexExpires.IsZero() {
			one.IndexExpires = &status[i].IndexExpires
		}
		out = append(out, one)
	}
	return out
}

type trustProblemJSON struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Mend    string `json:"mend,omitempty"`
}

func trustProblemsJSON(ps []release.Problem) []trustProblemJSON {
	out := []trustProblemJSON{}
	for _, p := range ps {
		out = append(out, trustProblemJSON{string(p.Code), p.Message, p.Mend})
	}
	return out
}
