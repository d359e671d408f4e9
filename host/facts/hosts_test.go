package facts_test

import (
	"slices"
	"testing"

	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

func hostsOf(t *testing.T, url string) (hosts []string, private bool, resource abi.Value) {
	t.Helper()
	x := facts.New(facts.Config{Table: table(t), Package: "mcp-server-fetch"})
	f := x.Extract(&facts.Call{Tool: "fetch", Arguments: object("url", abi.StringValue(url))})
	for _, m := range f.Resource.Get("hosts").Items() {
		hosts = append(hosts, m.Value.Text())
	}
	return hosts, f.Resource.Get("private_hosts").IsTrue(), f.Resource
}

// TestHosts holds disguises of hosts: each must come out as the host that some reader connects to.
func TestHosts(t *testing.T) {
	for want, urls := range map[string][]string{
		"evil.example": {
			"http://evil.example", "HTTP://EVIL.EXAMPLE/", "http://evil.example./x", "http://good.example@evil.example/", "http://good.example:80@evil.example:8080",
			`http://good.example\@evil.example`, `http:\\evil.example\x`, "http:evil.example", "http:/evil.example", "http:////evil.example", "//evil.example/x",
			"ht\ntp://ev\til.example", " http://evil.example ", "http://%65vil.example", "http://ｅvil．example", "http://ⓔⓥⓘⓛ.example", "https://user:pass@evil.example",
			"http://evil.example?@good.example", "http://evil.example#@good.example", "ftp://evil.example", "wss://evil.example", "evil.example", "evil.example/path",
			"http://evil.example:80", "http://evil\u200b.example", "http://evil\u00ad.example", "view-source:http://evil.example",
		},
		"127.0.0.1": {
			"http://127.0.0.1", "http://2130706433", "http://0x7f000001", "http://0x7f.1", "http://017700000001", "http://0177.0.0.1", "http://127.1", "http://127.0.1",
			"http://①②⑦.0.0.1", "http://127。0。0。1", "http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]", "http://127.0.0.1.", "http://%31%32%37.0.0.1", "http://0X7F.0.0.1",
		},
		"169.254.169.254":       {"http://169.254.169.254/latest/meta-data", "http://2852039166", "http://0xA9FEA9FE", "http://[::ffff:a9fe:a9fe]", "http://0251.0376.0251.0376", "http://169.254.43518"},
		"::1":                   {"http://[::1]", "http://[0:0:0:0:0:0:0:1]:80", "http://[::0001]", "http://user@[::1]/"},
		"xn--bcher-kva.example": {"http://bücher.example", "http://BÜCHER.example", "http://bu\u0308cher.example", "http://xn--bcher-kva.example"},
		"localhost":             {"http://localhost:3000", "http://LOCALHOST", "http://localhost."},
	} {
		for _, u := range urls {
			if hosts, _, _ := hostsOf(t, u); !slices.Contains(hosts, want) {
				t.Errorf("%q names hosts %q, want %s", u, hosts, want)
			}
		}
	}
}

// TestBothReadings keeps the hosts of both readers where they differ.
func TestBothReadings(t *testing.T) {
	hosts, _, _ := hostsOf(t, `http://good.example\@evil.example/`)
	for _, want := range []string{"good.example", "evil.example"} {
		if !slices.Contains(hosts, want) {
			t.Errorf("hosts %q lack %s", hosts, want)
		}
	}
}

func TestPrivateHosts(t *testing.T) {
	for _, u := range []string{
		"http://localhost", "http://10.1.2.3", "http://192.168.0.1", "http://172.16.5.5", "http://127.0.0.53", "http://169.254.169.254", "http://100.100.100.200",
		"http://[fd00::1]", "http://[fe80::1]", "http://[::]", "http://0", "http://0.0.0.0", "http://metadata.google.internal", "http://intranet", "http://x.local",
		"http://kubernetes.default.svc", "http://host.docker.internal", "http://127.0.0.1.nip.io", "http://[64:ff9b::7f00:1]", "http://[2002:7f00:1::]", "http://app.localhost",
	} {
		if _, private, _ := hostsOf(t, u); !private {
			t.Errorf("%s is not private", u)
		}
	}
	for _, u := range []string{"https://example.com", "http://8.8.8.8", "http://[2606:4700::1111]", "https://localhost.example.com", "https://internal.example.com"} {
		if _, private, r := hostsOf(t, u); private {
			t.Errorf("%s is private: %s", u, abi.AppendJSON(nil, r))
		}
	}
}

// TestFileURLs keeps a file from hiding in a URL argument.
func TestFileURLs(t *testing.T) {
	for _, u := range []string{"file:///etc/shadow", "FILE:/etc/shadow", "file://localhost/etc/%73hadow", " file:///etc/shadow", "view-source:file:///etc/shadow", `file:\\\etc\shadow`} {
		if _, _, r := hostsOf(t, u); !r.Get("sensitive").IsTrue() {
			t.Errorf("%q: %s", u, abi.AppendJSON(nil, r))
		}
	}
}
