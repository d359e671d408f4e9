package e2e_test

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// args are the arguments of a call, as pairs.
func args(pairs ...any) map[string]any {
	out := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

func filesystemStory(t testing.TB, p place) story {
	return story{
		server: []string{installed(t, "npm", "mcp-server-filesystem"), p.project},
		listed: []string{
			"create_directory", "directory_tree", "edit_file", "get_file_info", "list_allowed_directories", "list_directory",
			"list_directory_with_sizes", "move_file", "read_file", "read_media_file", "read_multiple_files", "read_text_file",
			"search_files", "write_file",
		},
		hidden: []string{"create_directory", "edit_file", "move_file", "write_file"},
		asks: func(p place) []ask {
			return append(filesystemReads(p), append(filesystemSecrets(p), filesystemWrites(p)...)...)
		},
	}
}

func filesystemReads(p place) []ask {
	in := func(name string) map[string]any { return args("path", p.project+"/"+name) }
	// Under permissive the server guards its folder by itself.
	out := func(tool string, a map[string]any) ask {
		return ask{
			tool: tool, args: a, strict: "outside-the-folders", moderate: "approve-outside-the-folders", complains: true,
		}
	}
	return []ask{
		{tool: "read_text_file", args: in("README.md"), text: "A small web shop."},
		{tool: "read_file", args: in("notes/todo.txt"), text: "call Ada"},
		{tool: "read_text_file", args: in("src/../README.md"), text: "A small web shop."},
		{tool: "list_directory", args: in(""), text: "[FILE] README.md"},
		{tool: "directory_tree", args: in("src"), text: "main.go"},
		{tool: "search_files", args: args("path", p.project, "pattern", "**/*.go"), text: "src/main.go"},
		{tool: "get_file_info", args: in("src/main.go"), text: "isFile: true"},
		{tool: "list_allowed_directories", args: args(), text: p.project},
		{tool: "read_multiple_files", args: args("paths", []string{p.project + "/README.md", p.project + "/src/main.go"}), text: ":8080"},
		out("read_text_file", in("../outside/salaries.csv")),
		out("read_text_file", in("src/../../outside/salaries.csv")),
		out("read_text_file", args("path", p.outside+"/salaries.csv")),
		out("read_text_file", in("link")),
		out("read_text_file", in("door/salaries.csv")),
		out("list_directory", in("door")),
		out("read_text_file", in("%2e%2e/outside/salaries.csv")),
	}
}

// filesystemSecrets are an environment file and a key, in disguises: each is refused where it exists, and where it
// would only exist for a server that undoes the disguise.
func filesystemSecrets(p place) []ask {
	var out []ask
	for _, f := range []struct {
		name   string
		exists bool // as it is written
		text   string
	}{
		{".env", true, "DB_USER"},
		{"src/../.env", true, "DB_USER"},
		{".ENV", false, ""},
		{".env ", false, ""},
		{".\uff45\uff4e\uff56", false, ""},
		{"%2eenv", false, ""},
		{"deploy/server.pem", true, "not a real key"},
		{"deploy/./../deploy//server.pem", true, "not a real key"},
		{"innocent.txt", true, "not a real key"},
		{"deploy/SERVER.PEM", false, ""},
		{"deploy/server.pem.", false, ""},
		{"deploy%2fserver.pem", false, ""},
	} {
		out = append(out, ask{
			tool: "read_text_file", args: args("path", p.project+"/"+f.name), strict: "sensitive-places", moderate: "approve-sensitive-places",
			complains: !f.exists, text: f.text,
		})
	}
	return append(out, ask{
		tool: "read_multiple_files", args: args("paths", []string{p.project + "/README.md", p.project + "/.env"}),
		strict: "sensitive-places", moderate: "approve-sensitive-places", text: "DB_USER",
	})
}

func filesystemWrites(p place) []ask {
	edits := []any{map[string]any{"oldText": ":8080", "newText": ":8081"}}
	return []ask{
		{
			tool: "write_file", args: args("path", p.project+"/new.txt", "content", "pears are in season\n"),
			strict: "no-writes", text: "Successfully wrote",
		},
		{
			tool: "edit_file", args: args("path", p.project+"/src/main.go", "edits", edits), strict: "no-writes", text: "8081",
		},
		{
			tool: "move_file", args: args("source", p.project+"/notes/todo.txt", "destination", p.project+"/done.txt"),
			strict: "no-writes", text: "Successfully moved",
		},
		{tool: "create_directory", args: args("path", p.project+"/archive"), strict: "no-writes", text: "Successfully created"},
		{
			tool: "write_file", args: args("path", p.project+"/../outside/new.txt", "content", "x"),
			strict: "no-writes", moderate: "approve-outside-the-folders", complains: true,
		},
		{
			tool: "move_file", args: args("source", p.project+"/README.md", "destination", p.outside+"/README.md"),
			strict: "no-writes", moderate: "approve-outside-the-folders", complains: true,
		},
		{
			tool: "write_file", args: args("path", p.project+"/.env", "content", "PORT=1\n"),
			strict: "no-writes", moderate: "approve-sensitive-places", text: "Successfully wrote",
		},
	}
}

func TestTheFilesystemServer(t *testing.T) {
	presets(t, func(t *testing.T, policy string) {
		p := newPlace(t)
		before := snapshot(t, p.project)
		filesystemStory(t, p).tell(t, p, policy, legacy)
		after := snapshot(t, p.project)
		if policy == "strict" {
			if !maps.Equal(before, after) {
				t.Errorf("strict changed the project:\n%q\n%q", before, after)
			}
			return
		}
		if got := after[filepath.Join(p.project, "src/main.go")]; !strings.Contains(got, ":8081") {
			t.Errorf("the edit was let through, and the file has %q", got)
		}
		wantEnv := map[string]string{"moderate": "DB_USER=shop\n", "permissive": "PORT=1\n"}[policy]
		if got := after[filepath.Join(p.project, ".env")]; got != wantEnv {
			t.Errorf(".env has %q, want %q", got, wantEnv)
		}
	})
}
