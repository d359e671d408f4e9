package clients_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/clients"
)

func TestMaskedShowsWhatIsStartedAndNothingElse(t *testing.T) {
	token := "ghp_" + "Zk3vQ9xLmT2rBw7YcN5h" + "Jd8sVf4gPq6uXe1A"
	src := "\xef\xbb\xbf" + `{
	// export API_KEY=` + token + `
	"primaryApiKey": "mine", "numStartups": 7, "empty": "",
	"history": ["tell me ` + token + `", {"pasted": "secret"}],
	"mcpServers": {
		"files": {
			"command": "npx", "args": ["-y", "server", "--token", "hush", "--api-key=hush", "-e", "DB_PASSWORD=hush", "` + token + `", "/home/ada"],
			"env": {"KEY": "hush"}, "type": "stdio",
		},
		"docs": {"url": "https://docs.example/?t=hush", "headers": {"Authorization": "Bearer hush"}, "type": "http"},
		"odd": "hush",
	},
}
`
	want := `{
	// export API_KEY=***
	"primaryApiKey": "***", "numStartups": 7, "empty": "",
	"history": ["***", {"pasted": "***"}],
	"mcpServers": {
		"files": {
			"command": "npx", "args": ["-y", "server", "--token", "***", "***", "-e", "***", "***", "/home/ada"],
			"env": {"KEY": "***"}, "type": "stdio",
		},
		"docs": {"url": "***", "headers": {"Authorization": "***"}, "type": "http"},
		"odd": "***",
	},
}
`
	f, err := clients.Parse(clients.FileAt("f"), []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	got := string(f.Masked())
	if strings.Contains(got, "hush") || strings.Contains(got, token) {
		t.Errorf("a secret shows in\n%s", got)
	}
	// How a secret in a comment is masked is the scanner's to say.
	comment := func(s string) string {
		before, after, _ := strings.Cut(s, "API_KEY=")
		_, after, _ = strings.Cut(after, "\n")
		return strings.TrimPrefix(before, "\ufeff") + "API_KEY=***\n" + after
	}
	if diff := cmp.Diff(want, comment(got)); diff != "" {
		t.Errorf("masked (-want +got):\n%s", diff)
	}
}

func TestMaskedOfNothing(t *testing.T) {
	for _, src := range []string{"", "{}", `{"mcpServers":{}}`} {
		f, err := clients.Parse(clients.FileAt("f"), []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Masked(); !bytes.Equal(got, []byte(src)) {
			t.Errorf("%q is shown as %q", src, got)
		}
	}
}
