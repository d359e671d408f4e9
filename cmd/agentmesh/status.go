package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/clients"
	"agentmesh/host/ledger"
)

// The JSON of `agentmesh status`.
type (
	statusJSON struct {
		Binary  string            `json:"binary"`
		State   stateJSON         `json:"state"`
		Ledger  []statusShardJSON `json:"ledger"`
		Clients []clientJSON      `json:"clients"`
		// Refused are what did not pass, Monitored what would not have, had it not been for monitor mode; newest first.
		Refused   []rawJSON `json:"refused"`
		Monitored []rawJSON `json:"monitored"`

		refused, monitored []*ledger.Record // as rows
	}
	stateJSON struct {
		Path   string `json:"path"`
		Exists bool   `json:"exists"`
		// Problem is what keeps the mesh from using the folder.
		Problem string `json:"problem,omitempty"`
	}
	statusShardJSON struct {
		Shard int `json:"shard"`
		// Entries are those under the shard's signed checkpoint, at most a second behind.
		Entries int64 `json:"entries"`
	}
	clientJSON struct {
		Client  string       `json:"client"`
		Path    string       `json:"path"`
		Error   string       `json:"error,omitempty"`
		Servers []serverJSON `json:"servers"`
	}
)

func statusCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "Say what is protected, by what, and what was lately refused",
		Long: `Looks at the configurations of the known MCP clients (those of the user, and of the current folder), the state folder and its ledger,
and changes nothing. A server is

  wrapped      behind agentmesh proxy, decided by the policy named
  UNPROTECTED  started without a proxy, or reached by URL
  broken       not understood, or its agentmesh is not there any more

Refused is what did not pass: denied, malformed, or waiting for a person who cannot be asked. What monitor mode let pass stands apart.`,
		Example: "  agentmesh status\n  agentmesh status -n 3 -o json",
		Args:    takes(0, 0, "no arguments"),
	}
	limit := c.Flags().IntP("limit", "n", 10, "how many refusals to show at most")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *limit < 1 {
			return usage("", "-n must be positive")
		}
		return e.status(c.Context(), *limit, *output)
	}
	return c
}

func (e *env) status(ctx context.Context, limit int, output string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	system := clients.Here(e.environ, dir)
	binary, err := system.Binary()
	if err != nil {
		return err
	}
	s := statusJSON{
		Binary: binary, Ledger: []statusShardJSON{}, Clients: configured(system, binary), Refused: []rawJSON{}, Monitored: []rawJSON{},
	}
	if err := e.recorded(ctx, &s, limit); err != nil {
		return err
	}
	return e.report(output, s, func() { e.printStatus(&s) })
}

// configured are the servers of every client that has a configuration.
func configured(system clients.System, binary string) []clientJSON {
	out := []clientJSON{}
	for _, place := range clients.Find(system.Places()) {
		c := clientJSON{Client: place.Title, Path: place.Path, Servers: []serverJSON{}}
		f, err := clients.Read(place)
		if err != nil {
			c.Error = err.Error()
			out = append(out, c)
			continue
		}
		for i := range f.Servers {
			c.Servers = append(c.Servers, protection(&f.Servers[i], binary))
		}
		// Many a settings file has nothing to do with servers.
		if len(c.Servers) > 0 {
			out = append(out, c)
		}
	}
	return append(out, extensions(system)...)
}

// protection says what stands before a server.
func protection(s *clients.Server, binary string) serverJSON {
	out := describe(s)
	switch s.State {
	case clients.Wrapped:
		out.Result = s.State.String()
		if !clients.Runs(s.Proxy.Binary) {
			out.Result = clients.Broken.String()
			out.Notes = append(out.Notes, s.Proxy.Binary+" is not there")
		} else if s.Proxy.Binary != binary {
			out.Notes = append(out.Notes, "by "+s.Proxy.Binary)
		}
	case clients.Broken:
		out.Result, out.Notes = s.State.String(), []string{s.Why}
	default:
		out.Result = clients.Unprotected.String()
		if s.Why != "" {
			out.Notes = append(out.Notes, s.Why)
		}
	}
	return out
}

// recorded reads state folder and ledger.
func (e *env) recorded(ctx context.Context, s *statusJSON, limit int) error {
	state, err := e.state()
	if err != nil {
		return err
	}
	s.State.Path = string(state)
	info, err := os.Stat(string(state))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		s.State.Problem = "no folder"
		return nil
	case info.Mode().Perm()&0o077 != 0:
		s.State.Problem = fmt.Sprintf("others may enter it (mode %04o); chmod 700 it", info.Mode().Perm())
	}
	s.State.Exists = true
	if _, err := os.Stat(state.LedgerDir()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	r, done, err := (&audit{env: e}).reader(ctx)
	if err != nil {
		return err
	}
	return errors.Join(s.read(ctx, r, state.LedgerDir(), limit), done())
}

func (s *statusJSON) read(ctx context.Context, r *ledger.Reader, dir string, limit int) error {
	checkpoints, err := r.Checkpoints()
	if err != nil {
		return err
	}
	sizes := map[string]int64{}
	for _, c := range checkpoints {
		sizes[c.Origin[strings.LastIndexByte(c.Origin, '/')+1:]] = c.Size
	}
	for n := 0; ; n++ { // shards are numbered without gaps; a missing one is for `audit verify` to find
		name := strconv.Itoa(n)
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			break
		}
		s.Ledger = append(s.Ledger, statusShardJSON{n, sizes[name]})
	}
	return s.refusals(ctx, r, limit)
}

func (e *env) printStatus(s *statusJSON) {
	rows := [][]string{{"program", s.Binary}, {"state folder", s.State.Path + s.State.remark()}}
	var entries int64
	for _, shard := range s.Ledger {
		entries += shard.Entries
	}
	rows = append(rows, []string{"ledger", s.extent(entries)})
	e.table(nil, rows)

	e.printf("\n")
	var servers [][]string
	bare := 0
	for _, c := range s.Clients {
		if c.Error != "" {
			servers = append(servers, []string{c.Client, "", clients.Broken.String(), "", c.Error})
		}
		for i := range c.Servers {
			if c.Servers[i].Result != clients.Wrapped.String() {
				bare++
			}
			servers = append(servers, c.Servers[i].row(c.Client))
		}
	}
	if len(servers) == 0 {
		e.printf("No known client has servers; those of another are wrapped by `agentmesh init-integration --config FILE`.\n")
	} else {
		e.table(serverHeader(), servers)
	}
	if bare > 0 {
		e.printf("%d not protected: `agentmesh init-integration --help` says how to.\n", bare)
	}

	e.printf("\n")
	e.printRefusals(s)
}

func (s *stateJSON) remark() string {
	switch {
	case s.Problem != "":
		return ": " + s.Problem
	case !s.Exists:
		return " (not made yet)"
	}
	return ""
}

// extent is how much has been recorded.
func (s *statusJSON) extent(entries int64) string {
	switch {
	case len(s.Ledger) == 0:
		return "nothing recorded yet"
	case len(s.Ledger) == 1:
		return fmt.Sprintf("1 shard, %d entries signed", entries)
	}
	return fmt.Sprintf("%d shards, %d entries signed", len(s.Ledger), entries)
}
