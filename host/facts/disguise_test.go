package facts_test

import (
	"strings"
	"testing"

	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

// TestDisguisedAddresses holds URIs that readers of URLs take for addresses although they do not look it: tabs and line
// breaks within are dropped, control characters before are, and one slash or none will do.
func TestDisguisedAddresses(t *testing.T) {
	_, x := files(t)
	for _, c := range []struct{ uri, host string }{
		{"http:/evil.example/x", "evil.example"},
		{"https:evil.example", "evil.example"},
		{"HTTP:\\\\evil.example\\x", "evil.example"},
		{"ht\ntp://evil.example/", "evil.example"},
		{"ht\ttp:/evil.example/", "evil.example"},
		{"\x01http://evil.example/", "evil.example"},
		{"fi\tle:///etc/shadow", ""},
		{"f\r\nile:/etc/shadow", ""},
		{"\x02file:///etc/shadow", ""},
		{"file:///etc/sha\tdow", ""},
		{"\"file:///etc/shadow\"", ""},
	} {
		f := x.Extract(&facts.Call{Method: "resources/read", Arguments: object("uri", abi.StringValue(c.uri))})
		if c.host == "" {
			if !f.Resource.Get("sensitive").IsTrue() || !f.Resource.Get("outside_roots").IsTrue() {
				t.Errorf("%q: %s, want the sensitive file", c.uri, abi.AppendJSON(nil, f.Resource))
			}
			continue
		}
		if hosts := f.Resource.Get("hosts"); hosts.At(0).Text() != c.host || f.Resource.Get("urls").Len() == 0 {
			t.Errorf("%q: %s, want the host %s and a URL", c.uri, abi.AppendJSON(nil, f.Resource), c.host)
		}
	}
}

// TestQuotedPaths: some tools take quotes off.
func TestQuotedPaths(t *testing.T) {
	dir, x := files(t)
	for _, p := range []string{`"` + dir + `/outside"`, `'../outside'`, `"/etc/shadow`, "`" + dir + "/outside`", `"%2e%2e/outside"`, `" ../outside"`} {
		if r := read(x, p); !r.Get("outside_roots").IsTrue() {
			t.Errorf("%s: %s, want outside", p, abi.AppendJSON(nil, r))
		}
	}
	if r := read(x, `it's.txt`); r.Get("outside_roots").IsTrue() || strings.Contains(r.Get("paths").At(0).Text(), `"`) {
		t.Errorf("an apostrophe: %s", abi.AppendJSON(nil, r))
	}
}

// TestAddressesInThePlaceOfPaths: where a file is asked for, an address of any scheme names something unknown.
func TestAddressesInThePlaceOfPaths(t *testing.T) {
	_, x := files(t)
	for _, p := range []string{"fs:///etc/passwd", "vscode-file://x/etc/passwd", "memo://notes", "jar:file:///etc/passwd", "https://example.com/a"} {
		if r := read(x, p); !r.Get("outside_roots").IsTrue() {
			t.Errorf("%s: %s, want outside", p, abi.AppendJSON(nil, r))
		}
	}
	f := x.Extract(&facts.Call{Method: "resources/read", Arguments: object("uri", abi.StringValue("memo://notes"))})
	if f.Resource.Get("outside_roots").IsTrue() {
		t.Errorf("a resource with an address of its server's own: %s", abi.AppendJSON(nil, f.Resource))
	}
}
