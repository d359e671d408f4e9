package clients

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The clients that can be asked for by name; [System.Places] also lists others.
const (
	Claude   = "claude"   // Claude Desktop and Claude Code
	Cursor   = "cursor"   // Cursor
	VSCode   = "vscode"   // Visual Studio Code, Insiders and VSCodium
	Windsurf = "windsurf" // Windsurf
)

// System is what the places depend on.
type System struct {
	// OS is as runtime.GOOS names it; every system but darwin and windows is taken to keep the XDG folders.
	OS string
	// Home is the home folder, by absolute path.
	Home string
	// Dir is the project folder whose own configurations count; empty: none.
	Dir string
	// Env looks a variable up; nil knows none.
	Env func(name string) string
}

// Place is where a client may keep servers. The file need not exist.
type Place struct {
	// Client is one of the names above, or that of another client.
	Client string
	// Title names the client, and whose configuration it is, for people.
	Title string
	// Path is absolute.
	Path string
	// Project: the file belongs to a project folder, not to the user.
	Project bool
	shapes  []shape
}

// shape is where in a file servers stand: the names on the way to the object that holds them, "*" for every name.
type shape []string

func mcpServers() []shape { return []shape{{"mcpServers"}} }

func claudeCode() []shape { return []shape{{"mcpServers"}, {"projects", "*", "mcpServers"}} }

func vscodeServers() []shape { return []shape{{"servers"}} }

func vscodeSettings() []shape { return []shape{{"mcp", "servers"}, {"mcp.servers"}} }

// anyShape are all the places in a file where known clients keep servers.
func anyShape() []shape {
	return slices.Concat(claudeCode(), vscodeServers(), vscodeSettings(), []shape{{"context_servers"}})
}

// FileAt is a configuration that somebody names; servers are looked for wherever any client keeps them.
func FileAt(path string) Place {
	return Place{Client: "file", Title: "file", Path: path, shapes: anyShape()}
}

// Places lists the configurations of the known clients, the user's before the project's. None need exist.
func (s System) Places() []Place {
	out := slices.Concat(s.claude(), s.cursor(), s.vscode(), s.others())
	if s.Dir != "" {
		out = append(out, s.project(s.Dir)...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(p Place) bool {
		twice := seen[p.Path]
		seen[p.Path] = true
		return twice
	})
}

// Paths are the files that decide which servers are started, for keeping tools away from them: the places of the user
// and of the folder Dir, settings by which a client starts servers unasked, and what [File.Write] left beside. None need exist.
func (s System) Paths() []string {
	return append(s.beside(s.Places()),
		s.join(s.Home, ".claude", "settings.json"),
		s.join(s.Home, ".codex", "config.toml"),
		s.join(s.appData(), "zed", "settings.json"),
	)
}

// ProjectPaths are the files of project folders that do the same.
func (s System) ProjectPaths(folders ...string) []string {
	var out []string
	for _, dir := range folders {
		out = append(out, s.beside(s.project(dir))...)
		out = append(out, s.join(dir, ".claude", "settings.json"), s.join(dir, ".claude", "settings.local.json"))
	}
	return out
}

func (s System) beside(places []Place) []string {
	var out []string
	for _, p := range places {
		out = append(out, p.Path)
		if backup := BackupOf(p.Path); exists(backup) {
			out = append(out, backup)
		}
	}
	return out
}

// Find keeps the places that exist, each file once however many links lead to it.
func Find(places []Place) []Place {
	var out []Place
	var seen []os.FileInfo
	for _, p := range places {
		info, err := os.Stat(p.Path)
		if err != nil || info.IsDir() || slices.ContainsFunc(seen, func(i os.FileInfo) bool { return os.SameFile(i, info) }) {
			continue
		}
		seen, out = append(seen, info), append(out, p)
	}
	return out
}

// Extensions are the folders of servers that Claude Desktop installed by itself. It starts them without any
// configuration that could be edited, so nothing can be put before them.
func (s System) Extensions() []string {
	dir := s.join(s.appData(), "Claude", "Claude Extensions")
	entries, _ := os.ReadDir(dir) // most have none
	var out []string
	for _, e := range entries {
		if path := s.join(dir, e.Name()); e.IsDir() && exists(s.join(path, "manifest.json")) {
			out = append(out, path)
		}
	}
	return out
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func (s System) claude() []Place {
	var out []Place
	desktop := func(dir string) {
		out = append(out, Place{Client: Claude, Title: "Claude Desktop", Path: s.join(dir, "claude_desktop_config.json"), shapes: mcpServers()})
	}
	desktop(s.join(s.appData(), "Claude"))
	if s.OS == "windows" { // as installed from the shop
		desktop(s.join(s.localAppData(), "Packages", "Claude_pzs8sxrjxfjjc", "LocalCache", "Roaming", "Claude"))
	}
	code := s.env("CLAUDE_CONFIG_DIR")
	if code == "" {
		code = s.Home
	}
	return append(out, Place{Client: Claude, Title: "Claude Code", Path: s.join(code, ".claude.json"), shapes: claudeCode()})
}

func (s System) cursor() []Place {
	return []Place{{Client: Cursor, Title: "Cursor", Path: s.join(s.Home, ".cursor", "mcp.json"), shapes: mcpServers()}}
}

func (s System) vscode() []Place {
	var out []Place
	for _, edition := range []struct{ folder, title string }{
		{"Code", "VS Code"},
		{"Code - Insiders", "VS Code Insiders"},
		{"VSCodium", "VSCodium"},
	} {
		user := s.join(s.appData(), edition.folder, "User")
		out = append(
			out,
			Place{Client: VSCode, Title: edition.title, Path: s.join(user, "mcp.json"), shapes: vscodeServers()},
			Place{Client: VSCode, Title: edition.title + " settings", Path: s.join(user, "settings.json"), shapes: vscodeSettings()},
		)
		profiles, _ := os.ReadDir(s.join(user, "profiles")) // most have none
		for _, p := range profiles {
			file := s.join(user, "profiles", p.Name(), "mcp.json")
			out = append(out, Place{Client: VSCode, Title: edition.title + " profile", Path: file, shapes: vscodeServers()})
		}
	}
	return out
}

func (s System) others() []Place {
	return []Place{
		{Client: Windsurf, Title: "Windsurf", Path: s.join(s.Home, ".codeium", "windsurf", "mcp_config.json"), shapes: mcpServers()},
		{Client: "gemini", Title: "Gemini CLI", Path: s.join(s.Home, ".gemini", "settings.json"), shapes: mcpServers()},
		{
			Client: "cline", Title: "Cline", shapes: mcpServers(),
			Path: s.join(s.appData(), "Code", "User", "globalStorage", "saoudrizwan.claude-dev", "settings", "cline_mcp_settings.json"),
		},
	}
}

// project are the configurations that clients read from a project folder.
func (s System) project(dir string) []Place {
	return []Place{
		{Client: Claude, Title: "Claude Code project", Path: s.join(dir, ".mcp.json"), Project: true, shapes: mcpServers()},
		{Client: Cursor, Title: "Cursor project", Path: s.join(dir, ".cursor", "mcp.json"), Project: true, shapes: mcpServers()},
		{Client: VSCode, Title: "VS Code folder", Path: s.join(dir, ".vscode", "mcp.json"), Project: true, shapes: vscodeServers()},
		{Client: VSCode, Title: "VS Code folder settings", Path: s.join(dir, ".vscode", "settings.json"), Project: true, shapes: vscodeSettings()},
	}
}

// appData is where programs with windows keep their settings.
func (s System) appData() string {
	switch s.OS {
	case "windows":
		if dir := s.env("APPDATA"); dir != "" {
			return dir
		}
		return s.join(s.Home, "AppData", "Roaming")
	case "darwin":
		return s.join(s.Home, "Library", "Application Support")
	}
	if dir := s.env("XDG_CONFIG_HOME"); strings.HasPrefix(dir, "/") { // a relative one is void, says the specification
		return dir
	}
	return s.join(s.Home, ".config")
}

func (s System) localAppData() string {
	if dir := s.env("LOCALAPPDATA"); dir != "" {
		return dir
	}
	return s.join(s.Home, "AppData", "Local")
}

func (s System) env(name string) string {
	if s.Env == nil {
		return ""
	}
	return s.Env(name)
}

// join makes a path of the system meant, which in tests is not the one we run on.
func (s System) join(parts ...string) string {
	if s.OS == "windows" {
		return strings.Join(parts, `\`)
	}
	return filepath.Join(parts...)
}
