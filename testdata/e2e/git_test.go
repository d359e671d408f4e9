package e2e_test

import (
	"strings"
	"testing"
)

func gitStory(t testing.TB, p place) story {
	repo := func(pairs ...any) map[string]any { return args(append([]any{"repo_path", p.project}, pairs...)...) }
	outside := func(tool string, a map[string]any) ask {
		return ask{tool: tool, args: a, strict: "outside-the-folders", moderate: "approve-outside-the-folders", complains: true}
	}
	return story{
		server: []string{installed(t, "git", "mcp-server-git"), "--repository", p.project},
		listed: []string{
			"git_add", "git_branch", "git_checkout", "git_commit", "git_create_branch", "git_diff", "git_diff_staged",
			"git_diff_unstaged", "git_log", "git_reset", "git_show", "git_status",
		},
		hidden: []string{"git_add", "git_checkout", "git_commit", "git_create_branch", "git_reset"},
		asks: func(p place) []ask {
			return []ask{
				{tool: "git_status", args: repo(), text: "modified:   README.md"},
				{tool: "git_log", args: repo("max_count", 5), text: "open the shop"},
				{tool: "git_diff_unstaged", args: repo(), text: "+plums"},
				{tool: "git_show", args: repo("revision", "HEAD"), text: "open the shop"},
				outside("git_status", args("repo_path", p.outside)),
				outside("git_log", args("repo_path", p.project+"/door")),
				outside("git_log", args("repo_path", p.project+"/src/../../outside")),
				{ // what Git would take for an option
					tool: "git_diff", args: repo("target", "--output="+p.outside+"/diff.txt"), strict: "no-unknown-tools",
					moderate: "approve-unknown-tools", complains: true,
				},
				{
					tool: "git_add", args: repo("files", []string{".env"}), strict: "no-writes", moderate: "approve-sensitive-places",
					text: "staged",
				},
				{
					tool: "git_add", args: repo("files", []string{"../outside/salaries.csv"}), strict: "no-writes",
					moderate: "approve-outside-the-folders", complains: true,
				},
				{tool: "git_reset", args: repo(), strict: "no-writes", text: "reset"},
				{tool: "git_add", args: repo("files", []string{"README.md"}), strict: "no-writes", text: "staged"},
				{tool: "git_commit", args: repo("message", "sell plums"), strict: "no-writes", text: "committed"},
				{tool: "git_create_branch", args: repo("branch_name", "plums"), strict: "no-writes", text: "Created branch"},
				{tool: "git_checkout", args: repo("branch_name", "plums"), strict: "no-writes", text: "Switched"},
			}
		},
	}
}

// gitState is where a repository stands.
func gitState(p place) string {
	p.Helper()
	var all []string
	for _, c := range []string{"rev-parse HEAD", "status --porcelain", "branch --list", "log --format=%s"} {
		out, code := p.run(append([]string{"git", "-C", p.project}, strings.Fields(c)...)...)
		if code != 0 {
			p.Fatalf("git %s: exit code %d", c, code)
		}
		all = append(all, out)
	}
	return strings.Join(all, "")
}

func TestTheGitServer(t *testing.T) {
	presets(t, func(t *testing.T, policy string) {
		p := newPlace(t)
		s := gitStory(t, p)
		p.write(p.project+"/.gitignore", "link\ndoor\ninnocent.txt\ndeploy\n")
		for _, c := range [][]string{{"init", "-q", "-b", "main"}, {"add", "README.md", "src"}, {"commit", "-q", "-m", "open the shop"}} {
			if _, code := p.run(append([]string{"git", "-C", p.project}, c...)...); code != 0 {
				t.Fatalf("git %s: exit code %d", c, code)
			}
		}
		p.write(p.project+"/README.md", p.read(p.project+"/README.md")+"plums\n")
		before := gitState(p)
		s.tell(t, p, policy, modern)
		after := gitState(p)
		if policy == "strict" && before != after {
			t.Errorf("strict changed the repository from\n%sto\n%s", before, after)
		}
		if policy != "strict" && !strings.Contains(after, "* plums") {
			t.Errorf("what was let through did not come about:\n%s", after)
		}
	})
}
