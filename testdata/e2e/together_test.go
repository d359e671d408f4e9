package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// traffic is a client that has a number of calls under way at any time, and keeps what was answered.
type traffic struct {
	*wire
	window   int
	progress chan struct{} // gets one for each answer, while there is room

	answers []reached // of its own goroutine, until done is closed
	err     error
	done    chan struct{}
}

// reached is what an answered call came to: the decision that the answer names.
type reached struct {
	decision string
	code     string // of a refusal
}

// start makes calls until there are n answers, or the other side ends.
func (c *traffic) start(n int, tool string) {
	c.done, c.progress = make(chan struct{}), make(chan struct{}, 1<<16)
	go func() {
		defer close(c.done)
		c.err = c.run(n, tool)
	}()
}

func (c *traffic) run(n int, tool string) error {
	asked := 0
	ask := func() error {
		if asked == n {
			return nil
		}
		asked++
		_, err := fmt.Fprintf(c.in, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":{"text":"call %d"}}}`+"\n", asked, tool, asked)
		return err
	}
	for range c.window {
		if err := ask(); err != nil {
			return err
		}
	}
	for line := range c.lines {
		var r struct {
			Result struct {
				IsError bool
				Meta    map[string]verdict `json:"_meta"`
			}
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return fmt.Errorf("%w: %.200s", err, line)
		}
		v := r.Result.Meta[verdictMember]
		got := reached{decision: v.DecisionID}
		if r.Result.IsError {
			got.code = v.Code
		}
		c.answers = append(c.answers, got)
		c.progress <- struct{}{}
		if len(c.answers) == n {
			return nil
		}
		if err := ask(); err != nil {
			return err
		}
	}
	return io.ErrUnexpectedEOF
}

// answered waits for so many more answers.
func (c *traffic) answered(n int) {
	for range n {
		select {
		case <-c.progress:
		case <-c.done:
			return
		}
	}
}

// wait waits for the end of the calls.
func (c *traffic) wait() {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		c.t.Fatal("the calls come to no end")
	}
}

// echoes are proxies on the state folder of one place, each before a server of its own.
func echoes(t *testing.T, p place, n, window int, flags string) []*traffic {
	t.Helper()
	var all []*traffic
	for range n {
		w := dial(t, p.proxy("--footer meta --server echo "+flags, filepath.Join(built, "odd"))).open()
		w.ask("tools/list", `{}`)
		all = append(all, &traffic{wire: w, window: window})
	}
	return all
}

// TestThreeProxiesAtOnce has calls flow in three proxies on one state folder, and kills one of them.
func TestThreeProxiesAtOnce(t *testing.T) {
	p := newPlace(t)
	all := echoes(t, p, 3, 8, "--policy permissive")
	const calls = 600
	for _, c := range all {
		c.start(calls, "echo")
	}
	killed := all[1]
	for _, c := range all {
		c.answered(calls / 4)
	}
	p.must(killed.cmd.Process.Kill())
	killed.wait()
	if killed.err == nil {
		t.Fatal("the proxy was killed after its last call")
	}
	p.verified() // while the others write
	for _, c := range []*traffic{all[0], all[2]} {
		c.wait()
		if c.err != nil || len(c.answers) != calls {
			t.Errorf("a proxy that was not killed gave %d answers, want %d: %v", len(c.answers), calls, c.err)
		}
	}
	late := echoes(t, p, 1, 8, "--policy permissive")[0] // takes its place
	late.start(calls/4, "echo")
	late.wait()
	if late.err != nil {
		t.Errorf("a proxy that was started after: %v", late.err)
	}
	for _, c := range []*traffic{all[0], all[2], late} {
		if code := c.leave(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
	p.verified()
	decided := map[string]bool{}
	for _, e := range p.audit("--kind", "decision") {
		decided[e.ID] = e.Decision == "allow"
	}
	total := 0
	for i, c := range append(all, late) {
		total += len(c.answers)
		for _, a := range c.answers {
			if !decided[a.decision] || a.code != "" {
				t.Fatalf("proxy %d answered a call by decision %q (%s), which the ledger does not have", i+1, a.decision, a.code)
			}
		}
	}
	// What was under way when the proxy was killed may be written down without an answer; nothing else.
	if extra := len(decided) - total; extra < 0 || extra > killed.window {
		t.Errorf("the ledger has %d decisions for %d answered calls", len(decided), total)
	}
	t.Logf("%d calls answered, %d of them by the proxy that was killed; %d decisions in the ledger", total, len(killed.answers), len(decided))
}

// limited is a policy that allows a hundred calls an hour.
const limited = `version: "1.0"
name: limited
default_action: deny
rules:
  - {name: a-hundred, condition: "action.tool == 'echo'", limit: "100/hour"}
`

// TestThreeProxiesCountTogether has them race for one limit.
func TestThreeProxiesCountTogether(t *testing.T) {
	p := newPlace(t)
	p.write(p.root+"/policies/limited.yaml", limited)
	all := echoes(t, p, 3, 4, "--policy "+p.root+"/policies")
	for _, c := range all {
		c.start(60, "echo")
	}
	passed, refused := 0, 0
	for _, c := range all {
		c.wait()
		if c.err != nil {
			t.Fatal(c.err)
		}
		for _, a := range c.answers {
			switch a.code {
			case "":
				passed++
			case "rate_limited":
				refused++
			default:
				t.Errorf("a call was refused by %s", a.code)
			}
		}
		if code := c.leave(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
	if passed != 100 || refused != 80 {
		t.Errorf("%d calls passed and %d were refused, want 100 and 80", passed, refused)
	}
	p.verified()
	kinds := map[string]int{}
	for _, e := range p.audit("--kind", "decision") {
		kinds[strings.TrimSpace(e.Decision+" "+e.Code)]++
	}
	names := []string{}
	for k, n := range kinds {
		names = append(names, fmt.Sprint(n, " ", k))
	}
	slices.Sort(names)
	if got := strings.Join(names, ", "); got != "100 allow rule, 80 deny rate_limited" {
		t.Errorf("the ledger has %s", got)
	}
}
