package rollout_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/rollout"
	"agentmesh/pdk/abi"
)

// step is one edit of a lock.
type step func(l *rollout.Lock) (rollout.Change, error)

// day is the tests' now.
func day() time.Time { return time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC) }

func staged(version string) step {
	return func(l *rollout.Lock) (rollout.Change, error) {
		return l.Stage(rollout.Newcomer{Name: name, Kind: abi.KindPolicy, Version: rollout.Version{Version: version, Wasm: someDigest, Manifest: otherDigest, Size: 1}}, day())
	}
}

// between is a version with dates.
func between(version, from, until string) step {
	date := func(s string) (t time.Time) {
		if s != "" {
			t, _ = time.Parse(time.DateOnly, s)
		}
		return t
	}
	return func(l *rollout.Lock) (rollout.Change, error) {
		v := rollout.Version{Version: version, Wasm: someDigest, Manifest: otherDigest, From: date(from), Until: date(until)}
		return l.Stage(rollout.Newcomer{Name: name, Kind: abi.KindPolicy, Version: v}, day())
	}
}

func promoted(version string, to rollout.Stage) step {
	return promotedAs(rollout.Promotion{Version: version, To: to})
}

func promotedAs(p rollout.Promotion) step {
	p.Name = name
	return func(l *rollout.Lock) (rollout.Change, error) { return l.Promote(p, day()) }
}

func rolledBack(to string) step {
	return func(l *rollout.Lock) (rollout.Change, error) { return l.Rollback(name, to, "", day()) }
}

func pinned(version string) step {
	return func(l *rollout.Lock) (rollout.Change, error) { return l.Pin(name, version, "") }
}

func yanked(version, reason string, stop bool) step {
	return func(l *rollout.Lock) (rollout.Change, error) { return l.Yank(name, version, reason, stop, day()) }
}

func onto(t *testing.T, steps ...step) *rollout.Lock {
	t.Helper()
	l := &rollout.Lock{}
	for i, s := range steps {
		if _, err := s(l); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	return l
}

// active is a lock in which these versions came to be active one after the other.
func active(versions ...string) []step {
	var out []step
	for _, v := range versions {
		out = append(out, staged(v), promoted(v, rollout.Active))
	}
	return out
}

func with(steps []step, more ...step) []step { return append(steps, more...) }

func TestStepsThatAreRefused(t *testing.T) {
	otherWasm := func(l *rollout.Lock) (rollout.Change, error) {
		return l.Stage(rollout.Newcomer{Name: name, Kind: abi.KindPolicy, Version: rollout.Version{Version: "1.0.0", Wasm: otherDigest}}, day())
	}
	otherKind := func(l *rollout.Lock) (rollout.Change, error) {
		return l.Stage(rollout.Newcomer{Name: name, Kind: abi.KindReward, Version: rollout.Version{Version: "2.0.0", Wasm: otherDigest}}, day())
	}
	local := func(l *rollout.Lock) (rollout.Change, error) {
		return l.Stage(rollout.Newcomer{Name: "local/rules", Kind: abi.KindPolicy, Version: rollout.Version{Version: someDigest, Wasm: otherDigest}}, day())
	}
	unknown := func(l *rollout.Lock) (rollout.Change, error) {
		return l.Promote(rollout.Promotion{Name: "eu.ai-act/other", Version: "1.0.0"}, day())
	}
	guard := &rollout.Guard{MaxErrors: ptr(1)}
	for _, c := range []struct {
		name  string
		given []step
		then  step
		want  string
	}{
		{"another module of the same version", []step{staged("1.0.0")}, otherWasm, "known with the digest"},
		{"another module of a retired version", with(active("1.0.0", "2.0.0")), otherWasm, "known with the digest"},
		{"another kind", []step{staged("1.0.0")}, otherKind, "of kind reward, and was of kind policy"},
		{"local configuration", nil, local, "configuration of this machine"},
		{"what is there already", []step{staged("1.0.0")}, staged("1.0.0"), "there already, staged"},
		{"a yanked version staged again", []step{staged("1.0.0"), promoted("1.0.0", "active"), yanked("1.0.0", "bad", false), promoted("1.0.0", "retired")}, staged("1.0.0"), "yanked: bad"},
		{"an unknown plugin", nil, unknown, "not in the lock"},
		{"an unknown version", []step{staged("1.0.0")}, promoted("2.0.0", ""), "no such version"},
		{"an unknown stage", []step{staged("1.0.0")}, promoted("1.0.0", "live"), `"live" is no stage`},
		{"where it is already", []step{staged("1.0.0")}, promoted("1.0.0", rollout.Staged), "staged already"},
		{"active twice", active("1.0.0"), promoted("1.0.0", rollout.Active), "active already"},
		{"active, with a guard", active("1.0.0"), promotedAs(rollout.Promotion{Version: "1.0.0", To: rollout.Active, Guard: guard}), "no guard"},
		{"a guard of a version that becomes active", []step{staged("1.0.0")}, promotedAs(rollout.Promotion{Version: "1.0.0", To: rollout.Active, Guard: guard}), "for a shadow or canary"},
		{"a share of a shadow", []step{staged("1.0.0")}, promotedAs(rollout.Promotion{Version: "1.0.0", To: rollout.Shadow, Percent: 5}), "canary's alone"},
		{"an active version back to shadow", active("1.0.0"), promoted("1.0.0", rollout.Shadow), "nothing leads"},
		{"a retired version to active", active("1.0.0", "2.0.0"), promoted("1.0.0", rollout.Active), "nothing leads"},
		{"retired without having been active", []step{staged("1.0.0")}, promoted("1.0.0", rollout.Retired), "never was active"},
		{"an older version to active", with(active("2.0.0"), staged("1.0.0")), promoted("1.0.0", rollout.Active), "older than 2.0.0"},
		{"an older version to canary", with(active("2.0.0"), staged("1.0.0")), promoted("1.0.0", rollout.Canary), "older than 2.0.0"},
		{"a pre-release of the active version", with(active("2.0.0"), staged("2.0.0-rc.1")), promoted("2.0.0-rc.1", rollout.Active), "older than 2.0.0"},
		{"a yanked version", []step{staged("1.0.0"), yanked("1.0.0", "bad", false)}, promoted("1.0.0", rollout.Active), "yanked: bad"},
		{"a yanked version to shadow", []step{staged("1.0.0"), yanked("1.0.0", "bad", false)}, promoted("1.0.0", rollout.Shadow), "yanked: bad"},
		{"a version past its dates", []step{between("1.0.0", "", "2026-11-23")}, promoted("1.0.0", rollout.Active), "in effect until"},
		{"a second canary", with(active("1.0.0"), staged("2.0.0"), promoted("2.0.0", rollout.Canary), staged("3.0.0")), promoted("3.0.0", rollout.Canary), "2.0.0 is the canary"},
		{"another version than the pinned one", with(active("1.0.0"), pinned("1.0.0"), staged("2.0.0")), promoted("2.0.0", rollout.Active), "pinned to 1.0.0"},
		{"another canary than the pinned one", with(active("1.0.0"), pinned("1.0.0"), staged("2.0.0")), promoted("2.0.0", rollout.Canary), "pinned to 1.0.0"},
		{"a pin of a staged version", []step{staged("1.0.0")}, pinned("1.0.0"), "only an active version"},
		{"no pin to take away", []step{staged("1.0.0")}, pinned(""), "not pinned"},
		{"nothing to go back to", active("1.0.0"), rolledBack(""), "no earlier version"},
		{"going back to what never was active", with([]step{staged("0.9.0")}, active("1.0.0")...), rolledBack(""), "no earlier version"},
		{"going back with nothing active", []step{staged("1.0.0")}, rolledBack(""), "no version is active"},
		{"going back forward", with(active("1.0.0"), staged("2.0.0")), rolledBack("2.0.0"), "not older than 1.0.0"},
		{"going back to what is not there", active("1.0.0"), rolledBack("0.1.0"), "no such version"},
		{"going back to a yanked version", with(active("1.0.0"), with([]step{yanked("1.0.0", "bad", false)}, active("2.0.0")...)...), rolledBack("1.0.0"), "yanked: bad"},
		{"going back by itself to a yanked version", with(active("1.0.0"), with([]step{yanked("1.0.0", "bad", false)}, active("2.0.0")...)...), rolledBack(""), "no earlier version"},
		{"yanking without a reason", active("1.0.0"), yanked("1.0.0", "", false), "a reason is needed"},
		{"yanking twice", with(active("1.0.0"), yanked("1.0.0", "bad", false)), yanked("1.0.0", "bad", false), "yanked already"},
		{"yanking at length", active("1.0.0"), yanked("1.0.0", strings.Repeat("x", 1025), false), "1024 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := onto(t, c.given...)
			before := text(t, l)
			_, err := c.then(l)
			var refused *rollout.StepError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			if c.given != nil {
				if diff := cmp.Diff(before, text(t, l)); diff != "" {
					t.Errorf("the lock changed\n%s", diff)
				}
			}
		})
	}
}

func text(t *testing.T, l *rollout.Lock) string {
	t.Helper()
	out, err := rollout.AppendLock(nil, l)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// summary is the versions of a lock with their stages, and what is loaded of them.
func summary(l *rollout.Lock) string {
	var b strings.Builder
	for _, v := range l.Find(name).Versions {
		fmt.Fprintf(&b, "%s %s, ", v.Version, v.Stage)
	}
	b.WriteString("running")
	for _, r := range l.Running() {
		b.WriteString(" " + r.Version.Version)
		if r.Absent != "" {
			b.WriteString("!")
		}
	}
	return b.String()
}

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		name  string
		given []step
		want  string
	}{
		{"staged", []step{staged("1.0.0")}, "1.0.0 staged, running"},
		{"one step after the other", []step{staged("1.0.0"), promoted("1.0.0", ""), promoted("1.0.0", "")}, "1.0.0 canary, running 1.0.0"},
		{"to the end", []step{staged("1.0.0"), promoted("1.0.0", ""), promoted("1.0.0", ""), promoted("1.0.0", "")}, "1.0.0 active, running 1.0.0"},
		{"a successor retires", active("1.0.0", "1.1.0"), "1.0.0 retired, 1.1.0 active, running 1.1.0"},
		{"one that begins later does not", with(active("1.0.0"), between("1.1.0", "2027-01-01", ""), promoted("1.1.0", rollout.Active)), "1.0.0 active, 1.1.0 active, running 1.0.0 1.1.0"},
		{"one that ends does not", with(active("1.0.0"), between("1.1.0", "", "2027-01-01"), promoted("1.1.0", rollout.Active)), "1.0.0 active, 1.1.0 active, running 1.0.0 1.1.0"},
		{"a larger share", with(active("1.0.0"), staged("2.0.0"), promoted("2.0.0", rollout.Canary), promotedAs(rollout.Promotion{Version: "2.0.0", To: rollout.Canary, Percent: 50})), "1.0.0 active, 2.0.0 canary, running 1.0.0 2.0.0"},
		{"a canary goes back first", with(active("1.0.0"), staged("2.0.0"), promoted("2.0.0", rollout.Canary), rolledBack("")), "1.0.0 active, 2.0.0 staged, running 1.0.0"},
		{"then the active version", with(active("1.0.0", "2.0.0"), rolledBack("")), "1.0.0 active, 2.0.0 retired, running 1.0.0"},
		{"to the one that is named", with(active("1.0.0", "2.0.0", "3.0.0"), rolledBack("1.0.0")), "1.0.0 active, 2.0.0 retired, 3.0.0 retired, running 1.0.0"},
		{"the canary leaves with what is rolled back", with(active("1.0.0", "2.0.0"), staged("3.0.0"), promoted("3.0.0", rollout.Canary), rolledBack("1.0.0")), "1.0.0 active, 2.0.0 retired, 3.0.0 staged, running 1.0.0"},
		{"forward again after a rollback", with(active("1.0.0", "2.0.0"), rolledBack(""), staged("2.0.0"), promoted("2.0.0", rollout.Active)), "1.0.0 retired, 2.0.0 active, running 2.0.0"},
		{"a pin holds others", with(active("1.0.0"), between("2.0.0", "2027-01-01", ""), promoted("2.0.0", rollout.Active), pinned("1.0.0")), "1.0.0 active, 2.0.0 active, running 1.0.0"},
		{"a pin holds a canary", with(active("1.0.0"), staged("2.0.0"), promoted("2.0.0", rollout.Canary), pinned("1.0.0")), "1.0.0 active, 2.0.0 canary, running 1.0.0"},
		{"a pin leaves shadows", with(active("1.0.0"), pinned("1.0.0"), staged("2.0.0"), promoted("2.0.0", rollout.Shadow)), "1.0.0 active, 2.0.0 shadow, running 1.0.0 2.0.0"},
		{"a pin goes with its version", with(active("1.0.0"), pinned("1.0.0"), promoted("1.0.0", rollout.Retired)), "1.0.0 retired, running"},
		{"yanked goes on", with(active("1.0.0"), yanked("1.0.0", "bad", false)), "1.0.0 active, running 1.0.0"},
		{"yanked and stopped", with(active("1.0.0"), yanked("1.0.0", "bad", true)), "1.0.0 active, running 1.0.0!"},
		{"yanked, then stopped", with(active("1.0.0"), yanked("1.0.0", "bad", false), yanked("1.0.0", "worse", true)), "1.0.0 active, running 1.0.0!"},
		{"stopped beside another", with(active("1.0.0"), between("2.0.0", "2027-01-01", ""), promoted("2.0.0", rollout.Active), yanked("2.0.0", "bad", true)), "1.0.0 active, 2.0.0 active, running 1.0.0 2.0.0!"},
		{"stopped, and gone back from", with(active("1.0.0"), between("2.0.0", "2027-01-01", ""), promoted("2.0.0", rollout.Active), yanked("2.0.0", "bad", true), rolledBack("")), "1.0.0 active, 2.0.0 retired, running 1.0.0"},
		{"stopped, and a successor", with(active("1.0.0"), yanked("1.0.0", "bad", true), staged("1.0.1"), promoted("1.0.1", rollout.Active)), "1.0.0 retired, 1.0.1 active, running 1.0.1"},
		{"a yanked candidate", with(active("1.0.0"), staged("2.0.0"), promoted("2.0.0", rollout.Canary), yanked("2.0.0", "bad", false)), "1.0.0 active, 2.0.0 staged, running 1.0.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := onto(t, c.given...)
			if got := summary(l); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			l.Revision = 1
			if _, err := rollout.ReadLock([]byte(text(t, l))); err != nil {
				t.Errorf("it is not read again: %v", err)
			}
		})
	}
}

func TestPlansAreReadBack(t *testing.T) {
	p := rollout.Plan{
		{Name: name, Version: "3.0.0", Wasm: someDigest, Stage: rollout.Shadow, OnLapse: "deny"},
		{Name: name, Version: "2.0.0", Wasm: someDigest, Stage: rollout.Canary, Percent: 10, From: day(), OnLapse: "deny"},
		{Name: name, Version: "1.0.0", Wasm: otherDigest, Stage: rollout.Active, Until: day(), OnLapse: "abstain"},
	}
	got, err := rollout.ReadPlan(p.Value())
	if diff := cmp.Diff(p, got); diff != "" || err != nil {
		t.Errorf("err %v (-want +got)\n%s", err, diff)
	}
	for text, want := range map[string]string{
		`{}`:                   "want a list",
		`[{"name":"a"}]`:       "version must be",
		`[{"name":"a","x":1}]`: "version must be",
		`[{"name":"a","version":"1","wasm":"` + someDigest + `","stage":"staged"}]`:                    "takes no part",
		`[{"name":"a","version":"1","wasm":"` + someDigest + `","stage":"canary"}]`:                    "takes no part",
		`[{"name":"a","version":"1","wasm":"` + someDigest + `","stage":"active","on_lapse":"maybe"}]`: "on_lapse",
		`[{"name":"a","version":"1","wasm":"` + someDigest + `","stage":"active","more":1}]`:           "unknown member",
	} {
		v, err := abi.ReadValue(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rollout.ReadPlan(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", text, err, want)
		}
	}
	if p, err := rollout.ReadPlan(abi.Value{}); p != nil || err != nil {
		t.Errorf("of a set without a plan: %v %v", p, err)
	}
}
