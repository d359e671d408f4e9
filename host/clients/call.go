package clients

import "strings"

// call is a command line `proxy FLAG… -- COMMAND ARGUMENT…` as it stands in the arguments of an entry.
type call struct {
	words []string
	flags []flag
	// server is the index of the server's command among the words, -1 if there is none.
	server int
}

// flag is one flag and where it stands: words[at:at+words].
type flag struct {
	name, value string
	at, words   int
}

// marker is the flag of agentmesh proxy that tells our own entries; the proxy itself makes nothing of it.
const marker = "wraps"

// switches are the flags of agentmesh proxy that take no value of their own word.
func switches() []string { return []string{"monitor", "clean-env", "canonical-args", "help"} }

// readCall reads arguments, reporting whether they are a call of agentmesh proxy at all.
func readCall(words []string) (*call, bool) {
	if len(words) == 0 || words[0] != "proxy" {
		return nil, false
	}
	c := &call{words: words, server: -1}
	for i := 1; i < len(words); {
		word := words[i]
		if word == "--" {
			if i+1 < len(words) {
				c.server = i + 1
			}
			break
		}
		if !strings.HasPrefix(word, "-") {
			c.server = i
			break
		}
		f := readFlag(words, i)
		c.flags = append(c.flags, f)
		i += f.words
	}
	if targets := c.values("target"); c.server < 0 && len(targets) > 0 {
		c.server = c.find("target").at + 1
	}
	return c, true
}

func readFlag(words []string, at int) flag {
	name, value, joined := strings.Cut(strings.TrimLeft(words[at], "-"), "=")
	f := flag{name: name, value: value, at: at, words: 1}
	if joined || at+1 == len(words) {
		return f
	}
	for _, s := range switches() {
		if s == name {
			return f
		}
	}
	f.value, f.words = words[at+1], 2
	return f
}

func (c *call) find(name string) *flag {
	for i := range c.flags {
		if c.flags[i].name == name {
			return &c.flags[i]
		}
	}
	return nil
}

func (c *call) values(name string) []string {
	var out []string
	for _, f := range c.flags {
		if f.name == name {
			out = append(out, f.value)
		}
	}
	return out
}

func (c *call) value(name string) string {
	if v := c.values(name); len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// has reports whether a switch is on.
func (c *call) has(name string) bool {
	f := c.find(name)
	return f != nil && f.value != "false"
}

// command is the program of the server.
func (c *call) command() string {
	if targets := c.values("target"); len(targets) > 0 {
		return targets[0]
	}
	return c.words[c.server]
}

// ours reports whether the call is as [File.Wrap] writes it, so that what was there before can be given back.
func (c *call) ours() bool {
	f := c.find(marker)
	if f == nil || f.words != 2 || c.server < 2 || c.words[c.server-1] != "--" {
		return false
	}
	kind, _, ok := strings.Cut(f.value, ":")
	return ok && (kind == argsList || kind == argsNone || kind == argsNull)
}

// What the args of an entry were before it was wrapped.
const (
	argsList = "list"
	argsNone = "none"
	argsNull = "null"
)
