package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"agentmesh/host/clients"
)

// The JSON of init-integration and status.
type (
	integrationJSON struct {
		DryRun bool                  `json:"dry_run"`
		Files  []integrationFileJSON `json:"files"`
		// Unprotected counts the servers that stay without protection.
		Unprotected int `json:"unprotected"`
	}
	integrationFileJSON struct {
		Client  string       `json:"client"`
		Path    string       `json:"path"`
		Changed bool         `json:"changed"`
		Backup  string       `json:"backup,omitempty"`
		Diff    string       `json:"diff,omitempty"`
		Servers []serverJSON `json:"servers"`
	}
	serverJSON struct {
		Name     string   `json:"name"`
		Project  string   `json:"project,omitempty"`
		Line     int      `json:"line,omitempty"`
		Result   string   `json:"result"`
		Command  string   `json:"command,omitempty"`
		Policies []string `json:"policies,omitempty"`
		Agent    string   `json:"agent,omitempty"`
		Monitor  bool     `json:"monitor,omitempty"`
		Notes    []string `json:"notes,omitempty"`
	}
)

// report says what became of every server, and ends with 1 where one stays unprotected.
func (n *integration) report(plans []*plan) error {
	out := integrationJSON{DryRun: n.dryRun, Files: []integrationFileJSON{}}
	for _, p := range plans {
		file := integrationFileJSON{Client: p.file.Title, Path: p.file.Path, Changed: p.changes(), Backup: p.backup, Servers: []serverJSON{}}
		if n.dryRun && file.Changed {
			file.Diff = p.difference()
		}
		for i := range p.results {
			file.Servers = append(file.Servers, n.server(&p.results[i]))
			if o := p.results[i].Outcome; o == clients.Unprotected || o == clients.WasBroken && !n.undo {
				out.Unprotected++
			}
		}
		out.Files = append(out.Files, file)
	}
	if *n.asked[clients.Claude] && !n.undo {
		for _, e := range extensions(n.system) {
			out.Files = append(out.Files, integrationFileJSON{Client: e.Client, Path: e.Path, Servers: e.Servers})
			out.Unprotected += len(e.Servers)
		}
	}
	if n.output == "json" {
		if err := n.env.json(out); err != nil {
			return err
		}
	} else {
		n.print(&out)
	}
	return n.verdict(&out)
}

// server is what is said of one entry; policies are those it has now.
func (n *integration) server(r *clients.Result) serverJSON {
	s := describe(&r.Server)
	s.Result, s.Notes = r.Outcome.String(), r.Notes
	switch {
	case r.Outcome == clients.Restored:
		s.Policies, s.Agent = nil, ""
	case r.Outcome == clients.NowWrapped && (r.Server.State == clients.Bare || n.updatePolicies):
		s.Policies = n.wrapping.Policies
	}
	if r.Outcome == clients.NowWrapped && (r.Server.State == clients.Bare || n.updateAgent) {
		s.Agent = n.agent
	}
	return s
}

// extensions are the servers that Claude Desktop installed by itself.
func extensions(system clients.System) []clientJSON {
	var out []clientJSON
	for _, dir := range system.Extensions() {
		s := serverJSON{Name: filepath.Base(dir), Result: clients.Unprotected.String(), Notes: []string{"an extension, which the client starts by itself"}}
		out = append(out, clientJSON{Client: "Claude Desktop", Path: dir, Servers: []serverJSON{s}})
	}
	return out
}

// describe is an entry as it stands.
func describe(s *clients.Server) serverJSON {
	out := serverJSON{Name: s.Name, Project: s.Scope, Line: s.Line, Command: s.Command, Notes: s.Notes}
	if s.Proxy != nil {
		out.Policies, out.Agent, out.Monitor = s.Proxy.Policies, s.Proxy.Agent, s.Proxy.Monitor
	}
	return out
}

func (n *integration) print(out *integrationJSON) {
	var rows [][]string
	for _, f := range out.Files {
		for i := range f.Servers {
			rows = append(rows, f.Servers[i].row(f.Client))
		}
	}
	if len(rows) > 0 {
		n.env.table(serverHeader(), rows)
	}
	for _, f := range out.Files {
		switch {
		case len(f.Servers) == 0:
			n.env.printf("%s: no servers\n", plain(f.Path))
		case f.Diff != "":
			lines(n.env.stdout, "\n"+strings.ReplaceAll(f.Diff, "\r\n", "\n"))
		case f.Changed && f.Backup != "":
			n.env.printf("%s: written; as it was before: %s\n", plain(f.Path), plain(f.Backup))
		case f.Changed:
			n.env.printf("%s: written\n", plain(f.Path))
		default:
			n.env.printf("%s: nothing to change\n", plain(f.Path))
		}
	}
	if !n.dryRun && changed(out) {
		n.env.printf("Restart the client: it reads its configuration when it starts.\n")
	}
	if home := valueOf(n.env.environ, "AGENTMESH_HOME"); home != "" && !n.undo {
		fmt.Fprintf(n.env.stderr, "note: AGENTMESH_HOME is set here; a client that does not have it records in the default state folder\n")
	}
}

func changed(out *integrationJSON) bool {
	for _, f := range out.Files {
		if f.Changed {
			return true
		}
	}
	return false
}

func serverHeader() []string { return []string{"CLIENT", "SERVER", "RESULT", "POLICY", "NOTE"} }

func (s *serverJSON) row(client string) []string {
	name := s.Name
	if s.Project != "" {
		name += " (" + s.Project + ")"
	}
	return []string{client, short(name, 60), s.Result, s.policy(), strings.Join(s.Notes, "; ")}
}

// policy is what decides, for a column.
func (s *serverJSON) policy() string {
	switch s.Result {
	case clients.NowWrapped.String(), clients.WasWrapped.String(), clients.Wrapped.String():
		if len(s.Policies) == 0 {
			return "default"
		}
		return strings.Join(s.Policies, ", ")
	}
	return ""
}

// verdict is how the command ends.
func (n *integration) verdict(out *integrationJSON) error {
	if out.Unprotected == 0 || n.mayStay {
		return nil
	}
	verb := "stays"
	if out.Unprotected > 1 {
		verb = "stay"
	}
	total := 0
	for _, f := range out.Files {
		total += len(f.Servers)
	}
	return withHint(fmt.Errorf("%d of %d servers %s unprotected", out.Unprotected, total, verb),
		"use the program of a remote server where it has one, mend what is broken, or accept it with --allow-unprotected")
}
