package host_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"agentmesh/pdk/abi"
)

// TestConfigurationsOfClientsAreOutOfReach names what decides which servers a client starts, under rules that allow
// everything: whoever writes there starts servers that nobody decides about.
func TestConfigurationsOfClientsAreOutOfReach(t *testing.T) {
	home, root := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	if err := os.MkdirAll(filepath.Join(root, ".vscode"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, ".vscode", "mcp.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, map[string]string{"a.yaml": "version: \"1.0\"\nrules:\n  - {name: all, condition: \"true\", action: allow}\n"})
	s.config.Roots = []string{root}
	h := s.open(t)
	for _, c := range []struct {
		kind, path string
		want       abi.Decision
	}{
		{"read", home + "/.claude.json", abi.Deny},
		{"write", home + "/.cursor/../.cursor/mcp.json", abi.Deny},
		{"write", home + "/.codex/config.toml", abi.Deny},
		{"write", root + "/.mcp.json", abi.Deny},
		{"write", root + "/%2emcp.json", abi.Deny},
		{"write", root + "/.vscode/mcp.json", abi.Deny},
		{"delete", root + "/.vscode", abi.Deny},
		{"delete", root + "/.cursor", abi.Allow}, // nothing is there
		{"write", root + "/mcp.json", abi.Allow},
		{"read", home + "/notes/.claude.json.txt", abi.Allow},
	} {
		path, err := json.Marshal(c.path)
		if err != nil {
			t.Fatal(err)
		}
		v := h.Decide(t.Context(), request(t, fmt.Sprintf(`{"action":{"type":%q},"resource":{"paths":[%s]}}`, c.kind, path)))
		if v.Decision != c.want || c.want == abi.Deny && v.Code != abi.CodeSelfProtected {
			t.Errorf("%s %s: got %s %s (%s)", c.kind, c.path, v.Decision, v.Code, v.Reason)
		}
	}
}

// TestMovingFoldersAroundThePlaces moves a folder above a place away, and another one to where the place would be.
func TestMovingFoldersAroundThePlaces(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	for _, dir := range []string{".cursor", ".codeium", "notes", "evil/windsurf"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, ".cursor", "mcp.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, map[string]string{"a.yaml": "version: \"1.0\"\nrules:\n  - {name: all, condition: \"true\", action: allow}\n"})
	h := s.open(t)
	for _, c := range []struct {
		tool, from, to string
		want           abi.Decision
	}{
		{"move_file", "/.cursor", "/notes/x", abi.Deny},
		{"renamePath", "/.cursor", "/notes/x", abi.Deny},
		{"move_file", "", "/../elsewhere", abi.Deny},
		{"move_file", "/evil/windsurf", "/.codeium/windsurf", abi.Deny}, // a client looks for mcp_config.json there
		{"move_file", "/evil/windsurf", "/.codeium", abi.Deny},          // as mv has it
		{"move_file", "/notes", "/evil/notes", abi.Allow},
		{"move_file", "/evil", "/.codeium/evil", abi.Allow},
		{"write_file", "/.cursor", "/notes/x", abi.Allow},
		{"remove_note", "/.cursor", "/notes/x", abi.Allow},
	} {
		v := h.Decide(t.Context(), request(t, fmt.Sprintf(`{"action":{"type":"write","tool":%q},"resource":{"paths":[%q,%q]}}`,
			c.tool, home+c.from, home+c.to)))
		if v.Decision != c.want || c.want == abi.Deny && v.Code != abi.CodeSelfProtected {
			t.Errorf("%s %s to %s: got %s %s (%s)", c.tool, c.from, c.to, v.Decision, v.Code, v.Reason)
		}
	}
}
