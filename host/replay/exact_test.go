package replay_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/policy"
	"agentmesh/host/replay"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// secret is what a scanner takes for a key of a cloud; put together here so that the source holds none.
func secret() string { return "AKIA" + "IOSFODNN7" + "QWERTZX" }

// chance makes random policies and requests over the same few names, so that rules fire, limits fill and redactions hit.
type chance struct{ *rand.Rand }

func (c chance) of(list ...string) string { return list[c.IntN(len(list))] }

// rare is one of the list, or now and then what the ledger must not hold.
func (c chance) rare(list ...string) string {
	if c.likely(8) {
		return secret()
	}
	return c.of(list...)
}

func (c chance) likely(percent int) bool { return c.IntN(100) < percent }

func (c chance) policy(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: \"1.0\"\nname: p%d\n", n)
	if c.likely(30) {
		fmt.Fprintf(&b, "agent: %q\n", c.of("alice", "bob", "a*", "did:mesh:*", "*"))
	}
	if c.likely(50) {
		fmt.Fprintf(&b, "default_action: %s\n", c.of("allow", "deny"))
	}
	fmt.Fprintf(&b, "mode: %s\nconflict: %s\nrules:\n", c.of("enforce", "enforce", "monitor"), c.of("deny_overrides", "priority_first_match"))
	for i := range 1 + c.IntN(6) {
		fmt.Fprintf(&b, "  - name: r%d\n", i)
		if c.likely(40) {
			fmt.Fprintf(&b, "    priority: %d\n", c.IntN(3))
		}
		if c.likely(85) {
			fmt.Fprintf(&b, "    condition: %q\n", c.condition(2))
		}
		if c.likely(6) {
			fmt.Fprintf(&b, "    redact: [%q]\n", c.of("data.path", "data.items", "data.user.name", "resource.paths", "context.time", "data.items[0]", "agent.sponsor"))
		}
		if c.likely(30) {
			fmt.Fprintf(&b, "    limit: %d/%s\n", 1+c.IntN(4), c.of("minute", "hour", "second"))
			if c.likely(50) {
				continue
			}
			b.WriteString("    action: allow\n")
			continue
		}
		if c.likely(20) {
			fmt.Fprintf(&b, "    stage: post_tool\n    action: %s\n", c.of("deny", "warn", "log"))
			continue
		}
		fmt.Fprintf(&b, "    action: %s\n", c.of("allow", "allow", "deny", "warn", "log", "require_approval"))
	}
	return b.String()
}

func (c chance) condition(depth int) string {
	if depth > 0 && c.likely(50) {
		return "(" + c.condition(depth-1) + c.of(" and ", " or ") + c.condition(depth-1) + ")"
	}
	if c.likely(15) {
		return "not (" + c.condition(0) + ")"
	}
	return c.of(
		"action.type == 'read'", "action.type in ['write', 'delete']", "data.n < 5", "data.n >= 3", "exists(data.token)",
		"data.text contains 'hello'", "data.text startswith 'x'", "len(data.text) > 100", "any(i in data.items, i.kind == 'a')",
		"all(i in data.items, i.n < 4)", "any(p in resource.paths, p startswith '/etc')", "data.user.name == 'root'",
		"data.user == data.other", "data.items == data.other", "agent.trust_score < 500", "context.time < '2026-11-23T12:30:00.000Z'",
		"data.token == 'none'", "lower(data.path) endswith '.key'", "data.flag", "tool.name matches '^[a-z]+$'", "data.items[0].n == 1",
		"data.path in ['/srv/a', '/srv/b']",
	)
}

func (c chance) request() string {
	data := []string{fmt.Sprintf(`"n":%d`, c.IntN(8)), fmt.Sprintf(`"path":%q`, c.rare("/srv/a", "/srv/b", "/etc/KEY.key"))}
	maybe := func(percent int, member string) {
		if c.likely(percent) {
			data = append(data, member)
		}
	}
	maybe(60, fmt.Sprintf(`"text":%q`, c.of("hello there", "xyz", "hello", strings.Repeat("hello long ", 20+500*(c.IntN(10)/9)), strings.Repeat("x", 150))))
	maybe(25, fmt.Sprintf(`"token":%q`, c.rare("none")))
	maybe(50, fmt.Sprintf(`"items":[{"kind":%q,"n":%d},{"kind":%q,"n":2}]`, c.rare("a", "b"), c.IntN(6), c.of("a", "c")))
	maybe(40, fmt.Sprintf(`"user":{"name":%q}`, c.rare("root", "eve")))
	maybe(30, c.of(`"other":{"name":"root"}`, `"other":[{"n":2,"kind":"a"}]`, `"other":1e2`))
	maybe(30, `"flag":true`)
	maybe(5, `"`+secret()+`":1`)
	maybe(3, `"blob":[`+strings.Repeat(`"`+strings.Repeat("y", 200)+`",`, 400)+`1]`)
	c.Shuffle(len(data), func(i, j int) { data[i], data[j] = data[j], data[i] })
	agent := c.of(`{"name":"alice","trust_score":520}`, `{"name":"bob","sponsor":"x@example.com"}`, `{"did":"did:mesh:carol:abcdefghijklmnopqrstuvwxyz","name":"carol","trust_score":100}`)
	extra := c.of("", `,"resource":{"paths":["/etc/passwd"]}`, `,"resource":{"paths":["/srv/a"],"local":true}`)
	result, stage := "", ""
	if c.likely(20) {
		stage, result = `,"stage":"post_tool"`, `,"result":{"text":"done","is_error":false}`
	}
	return fmt.Sprintf(`{"agent":%s,"action":{"tool":"t","type":%q,"server":"s"%s},"tool":{"name":"abc"},"data":{%s}%s%s}`,
		agent, c.of("read", "write", "delete"), stage, strings.Join(data, ","), extra, result)
}

// TestTheSameRulesGiveTheSameBytes decides random requests by random rules through a real gate, with limits, redactions,
// results, bodies that stand apart, and rules that change on the way, and makes every decision again from the ledger.
func TestTheSameRulesGiveTheSameBytes(t *testing.T) {
	rounds, requests := 12, 250
	if testing.Short() {
		rounds = 4
	}
	var replayed, redacted, limited int64
	for round := range rounds {
		c := chance{rand.New(rand.NewPCG(7, uint64(round)))}
		r := newRig(t, gate.Options{Monitor: round%5 == 4})
		for i := range requests {
			if i%50 == 0 {
				r.rules(c.policy(0), c.policy(1), c.policy(2))
			}
			if c.likely(5) {
				r.pass(time.Minute)
			}
			call := gate.Call{DecisionID: "d"}
			var err error
			if call.Request, err = abi.ReadRequest(c.request()); err != nil {
				t.Fatal(err)
			}
			if c.likely(3) {
				call.Protected = "the state folder"
			}
			if v := r.ask(&call); v.Code == abi.CodeRateLimited {
				limited++
			}
		}
		report := r.replay(replay.Options{})
		if report.Identical != report.Replayed || report.Decisions != int64(requests) {
			t.Fatalf("round %d: %s", round, asJSON(t, report))
		}
		for _, n := range report.NotReplayed {
			if n.Reason != string(gate.UnreplayableRedacted) {
				t.Errorf("round %d: %+v", round, n)
			}
			redacted += n.Count
		}
		replayed += report.Replayed
	}
	if replayed < int64(rounds*requests)/2 || redacted == 0 || limited < 20 {
		t.Errorf("%d replayed, %d redacted, %d limited: the past is not what it should be to tell anything", replayed, redacted, limited)
	}
}

// TestVersionsBesideEachOtherGiveTheSameBytes has shadows, canaries and dates besides, with limits that each version counts.
func TestVersionsBesideEachOtherGiveTheSameBytes(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	var differing, limited int64
	for round := range rounds {
		c := chance{rand.New(rand.NewPCG(13, uint64(round)))}
		s := newSite(t, sandbox.Options{Plugins: map[string]sandbox.PluginOptions{"acme.co/p": {OnLapse: c.of("deny", "abstain", "")}}})
		for i := range 160 {
			if i%80 == 0 {
				s.load(c.versions(t), c.policy(1))
			}
			s.pass(time.Duration(c.IntN(20)) * time.Second)
			if v := s.decide(c.request()); v.Code == abi.CodeRateLimited {
				limited++
			}
		}
		report := s.replay(replay.Options{Judges: s.past(replay.PastOptions{})})
		if report.Identical != report.Replayed || report.Replayed < 20 {
			t.Fatalf("round %d: %s", round, asJSON(t, report))
		}
		batches, _, err := ledger.NewReader(s.ledgerDir(), nil).Batches(t.Context(), ledger.Filter{Kind: ledger.KindDecision})
		if err != nil {
			t.Fatal(err)
		}
		for b := range batches {
			for r := range b.Records() {
				if strings.Contains(string(r.Body), `,"differences":[`) {
					differing++
				}
			}
		}
	}
	if differing == 0 || limited == 0 {
		t.Errorf("%d entries with differences, %d limited: the past is not what it should be to tell anything", differing, limited)
	}
}

// versions are several versions of one policy in different stages, some of them with dates within the hour.
func (c chance) versions(t testing.TB) []sandbox.Module {
	t.Helper()
	date := func(percent int) string {
		if !c.likely(percent) {
			return ""
		}
		return noon.Add(time.Duration(c.IntN(1500)) * time.Second).Format(time.RFC3339)
	}
	var out []sandbox.Module
	for i, tag := range []string{"active", c.of("active", "shadow"), c.of("canary 50", "shadow"), "shadow"} {
		m := abi.Manifest{Name: "acme.co/p", Version: fmt.Sprintf("%d.0.0", i+1), Kind: abi.KindPolicy, EffectiveFrom: date(50), EffectiveUntil: date(40)}
		if m.EffectiveFrom >= m.EffectiveUntil {
			m.EffectiveUntil = ""
		}
		compiled, err := policy.CompileAs(parse(t, c.policy(0))[0], policy.Packaging{Manifest: &m})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, sandbox.Module{Path: m.Version + ".wasm", Wasm: compiled.Wasm, Tag: tag})
	}
	return out
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
