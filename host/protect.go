package host

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"agentmesh/pdk/abi"
)

// guarded are the places of the mesh's own that no tool may name, whatever the policies say: who can change them decides
// everything else.
type guarded []guardedPlace

type guardedPlace struct {
	path string // absolute, links followed, folded
	what string // for people
}

// guardedPlaces are the state folder, the folders of rules, tool tables, our own binaries, and the configurations of
// clients that start servers through us.
func guardedPlaces(state State, c *Config) guarded {
	var g guarded
	g.add("the state folder", string(state))
	g.add("a folder of rules", slices.Concat(c.Dirs.Policies, c.Dirs.Plugins)...)
	g.add("a tool table", c.Tools...)
	if own, err := os.Executable(); err == nil {
		g.add("the mesh's own program", own)
		for _, name := range []string{"agentmesh", "meshhost"} {
			g.add("the mesh's own program", filepath.Join(filepath.Dir(own), name))
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		for _, name := range clientConfigs() {
			g.add("a client's configuration", filepath.Join(home, name))
		}
	}
	return g
}

// clientConfigs are where MCP clients keep which servers they start, below the home folder.
func clientConfigs() []string {
	return []string{
		".config/Claude/claude_desktop_config.json", "Library/Application Support/Claude/claude_desktop_config.json",
		".claude.json", ".cursor/mcp.json", ".codeium/windsurf/mcp_config.json", ".config/Code/User/mcp.json", ".vscode/mcp.json",
	}
}

func (g *guarded) add(what string, names ...string) {
	for _, name := range names {
		if strings.HasPrefix(name, "preset:") {
			continue
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			continue
		}
		for _, p := range []string{abs, followed(abs)} {
			place := guardedPlace{fold(filepath.ToSlash(p)), what}
			if !slices.Contains(*g, place) {
				*g = append(*g, place)
			}
		}
	}
}

// followed is the path with the links of its deepest existing ancestor followed.
func followed(p string) string {
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	if parent := filepath.Dir(p); parent != p {
		return filepath.Join(followed(parent), filepath.Base(p))
	}
	return p
}

// fold makes spellings equal that some file systems take for one.
func fold(p string) string { return strings.ToLower(strings.TrimRight(p, " .")) }

// named says which of the places a request names, for people; empty: none. Paths come canonical, in all their spellings,
// from the facts. Removing a folder above a place counts as naming it.
func (g guarded) named(q *abi.Request) string {
	removal := q.Action.Get("type").Text() == "delete"
	for _, m := range q.Resource.Get("paths").Items() {
		p := fold(path.Clean(m.Value.Text()))
		for _, place := range g {
			if below(p, place.path) || removal && below(place.path, p) {
				return place.what + " (" + m.Value.Text() + ")"
			}
		}
	}
	command := fold(q.Resource.Get("command").Text())
	for _, place := range g {
		if command != "" && strings.Contains(command, place.path) {
			return place.what + ", in a command"
		}
	}
	return ""
}

// below reports whether p is dir or lies in it.
func below(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}
