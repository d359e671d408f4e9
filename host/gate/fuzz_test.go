package gate_test

import (
	"strings"
	"testing"

	"agentmesh/host/gate"
	"agentmesh/host/scan"
	"agentmesh/pdk/abi"
)

// FuzzDecide throws requests at a gate: whatever they are, there is a verdict, it is in the ledger, what is recorded can be
// read back, and no string in it holds what the scanner takes for a secret.
func FuzzDecide(f *testing.F) {
	f.Add(plainRequest, false)
	f.Add(`{"data":{"text":"`+secret()+`"}}`, false)
	f.Add(`{"data":{"`+secret()+`":[["`+secret()+`"]]},"result":{"text":"x `+secret()+`"}}`, true)
	f.Add(`{"agent":{"name":"\u0000"},"action":{"tool":"`+secret()+`"}}`, false)
	f.Add(`{"data":{"long":"`+strings.Repeat("ab ", 2000)+secret()+`"}}`, false)
	g := newGate(f, gate.Options{}, allowing("a", limit("ok", "1000000/second")))
	f.Fuzz(func(t *testing.T, text string, result bool) {
		q, err := abi.ReadRequest(text)
		if err != nil {
			return
		}
		decide := g.Decide
		if result {
			decide = g.DecideResult
		}
		v := decide(t.Context(), &gate.Call{Request: q})
		e := g.log.last(t)
		g.log.entries = g.log.entries[:0]
		if e.ID != v.ID || e.Code != string(v.Code) {
			t.Fatalf("verdict %+v, entry %+v", v, e)
		}
		body, err := abi.ReadValue(string(e.Body))
		if err != nil {
			t.Fatalf("%v in %s", err, e.Body)
		}
		if _, err := abi.RequestOf(body.Get("request")); err != nil {
			t.Errorf("the request recorded: %v", err)
		}
		if again, err := abi.VerdictOf(body.Get("verdict")); err != nil || again.ID != v.ID {
			t.Errorf("the verdict recorded: %+v, %v", again, err)
		}
		for _, s := range append(textsIn(nil, body.Get("request")), e.Agent, e.Tool, e.Server, e.Method) {
			if found := scan.Find(s, scan.Secret); len(s) >= 8 && !found.Empty() && !strings.HasPrefix(s, "did:mesh:") {
				t.Errorf("recorded: %q, which is %v", s, found.Names(scan.Secret))
			}
		}
	})
}

// textsIn are all strings and names in a value.
func textsIn(dst []string, v abi.Value) []string {
	if s, ok := v.Str(); ok {
		return append(dst, s)
	}
	for _, m := range v.Items() {
		dst = textsIn(append(dst, m.Name), m.Value)
	}
	return dst
}

// FuzzNewCounter holds every limit that is read against what it is written back as.
func FuzzNewCounter(f *testing.F) {
	for _, s := range []string{"100/hour", "1/second", "0/day", "5", "/", "9223372036854775807/day", "007/minute"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := gate.NewCounter("p", "r", text, false)
		if err != nil {
			return
		}
		if c.Limit != text || !strings.Contains(text, "/") {
			t.Errorf("%q was read as %+v", text, c)
		}
	})
}
