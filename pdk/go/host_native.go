//go:build !wasip1

package pdk

import (
	"errors"
	"os"
)

// host is the host of a plugin that runs as an ordinary program: what would be imports are its fields.
type host struct {
	in       []byte
	settings string
	out      []byte
	failure  string
}

func (h *host) input(dst []byte) []byte { return append(dst, h.in...) }

func (h *host) setting(dst []byte) []byte { return append(dst, h.settings...) }

func (h *host) output(b []byte) { h.out = append(h.out[:0], b...) }

func (h *host) fail(message string) { h.failure = message }

func collect() {}

func debug(s string) { os.Stderr.WriteString("debug: " + s + "\n") }

func info(s string) { os.Stderr.WriteString("info: " + s + "\n") }

// call answers an input as a module does: other settings than at the call before are a new instance.
func (g *guest) call(in []byte, settings string, export func() int32) ([]byte, error) {
	if settings != g.host.settings {
		g.configured = false
	}
	g.host.in, g.host.settings, g.host.out, g.host.failure = in, settings, g.host.out[:0], ""
	rc := export()
	g.host.in = nil
	if rc != 0 {
		return nil, errors.New(g.host.failure)
	}
	return g.host.out, nil
}

// Native answers an input (a request as JSON) as the built module does, with the settings (JSON, or empty). The answer is
// good until the next call. It exists where a plugin is built for the author's own machine, for tests.
func (p *PolicyPlugin) Native(input []byte, settings string) ([]byte, error) {
	return p.guest.call(input, settings, p.Evaluate)
}

// Native answers an input (a score request as JSON) as the built module does, with the settings (JSON, or empty). The
// answer is good until the next call. It exists where a plugin is built for the author's own machine, for tests.
func (p *RewardPlugin) Native(input []byte, settings string) ([]byte, error) {
	return p.guest.call(input, settings, p.Score)
}

// Native answers an input as the built module does, with the settings (JSON, or empty). The answer is good until the next
// call. It exists where a plugin is built for the author's own machine, for tests.
func (p *FunctionPlugin) Native(input []byte, settings string) ([]byte, error) {
	return p.guest.call(input, settings, p.Call)
}
