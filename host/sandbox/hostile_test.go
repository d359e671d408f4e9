package sandbox_test

import (
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
	"agentmesh/testdata/hostile"
)

// soaking lengthens what is shown in short by every other run.
func soaking() bool { return os.Getenv("SOAK") != "" }

// opened makes a module ready as a set's loader would, without asking for admission.
func opened(t testing.TB, e *sandbox.Engine, module []byte, o sandbox.PluginOptions) (*sandbox.Plugin, error) {
	t.Helper()
	f, err := sandbox.NewPluginFile("guest.wasm", module)
	if err != nil {
		return nil, err
	}
	pm, err := e.CompilePlugin(t.Context(), f, o)
	if err != nil {
		return nil, err
	}
	p, err := pm.New(abi.Value{})
	if err != nil {
		pm.Close(t.Context())
		return nil, err
	}
	return p, nil
}

func shut(t testing.TB, p *sandbox.Plugin) {
	t.Helper()
	p.Close()
	if err := p.Module().Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// patron asks a plugin that means no harm, again and again, until it is told to stop: whatever others do, each answer is
// right, and costs the same.
type patron struct {
	stop, stopped chan struct{}
	beside        atomic.Int32 // who has the machine's other half
	took          [besides][]time.Duration
	wrong         error
	fuel          int64
	out           []byte
}

// What a patron's calls are beside.
const (
	besideNobody int32 = iota
	besideFriend       // another plugin that means no harm, asked without a pause
	besideFoe
	besides
)

func newPatron(t testing.TB, e *sandbox.Engine) *patron {
	t.Helper()
	p, err := opened(t, e, hostile.Behaving(), sandbox.PluginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := &patron{stop: make(chan struct{}), stopped: make(chan struct{})}
	for i := range w.took {
		w.took[i] = make([]time.Duration, 0, 1<<18) // no garbage of its own
	}
	go func() {
		defer close(w.stopped)
		pause := time.NewTicker(100 * time.Microsecond) // a host that has other things to do
		defer pause.Stop()
		for w.wrong == nil {
			w.ask(t, p)
			select {
			case <-w.stop:
				return
			case <-pause.C:
			}
		}
	}()
	t.Cleanup(func() {
		w.end(t)
		shut(t, p)
	})
	return w
}

type patronError string

func (e patronError) Error() string { return string(e) }

func (w *patron) ask(t testing.TB, p *sandbox.Plugin) {
	beside, begun := w.beside.Load(), time.Now()
	out, fuel, err := p.Call(t.Context(), "evaluate", []byte(`{"abi":1}`), w.out[:0])
	took := time.Since(begun)
	if w.beside.Load() == besideFoe {
		beside = besideFoe // whoever it began beside
	}
	w.took[beside] = append(w.took[beside], took)
	w.out = out
	switch {
	case err != nil:
		w.wrong = err
	case string(out) != hostile.Allowing:
		w.wrong = patronError("it answers " + string(out))
	case w.fuel != 0 && fuel != w.fuel:
		w.wrong = patronError("its fuel differs from call to call")
	}
	w.fuel = fuel
}

// during has somebody else do something meanwhile.
func (w *patron) during(who int32, something func()) time.Duration {
	begun := time.Now()
	w.beside.Store(who)
	something()
	w.beside.Store(besideNobody)
	return time.Since(begun)
}

// end stops asking and tells how it went. It may be called twice.
func (w *patron) end(t testing.TB) {
	t.Helper()
	select {
	case <-w.stop:
		return
	default:
	}
	close(w.stop)
	<-w.stopped
	if w.wrong != nil {
		t.Errorf("beside it the other plugin: %v", w.wrong)
	}
	for who, name := range [besides]string{"nobody", "one that means no harm", "one that does"} {
		took := w.took[who]
		if n := len(took); n > 0 {
			slices.Sort(took)
			t.Logf("beside %s the plugin answered %d times: p50 %v, p99 %v, worst %v", name, n, took[n/2], took[n*99/100], took[n-1])
		}
	}
}

// TestHostileModulesEndWithTheirCode runs them as meshhost does: another process has compiled them. What a harmless
// plugin takes meanwhile is to be read beside what it takes with nobody else there, and beside one like itself for as long.
func TestHostileModulesEndWithTheirCode(t *testing.T) {
	cache := privateFolder(t)
	e := newEngine(t, sandbox.Options{CacheDir: cache})
	a := newAdmitter(t, sandbox.AdmitOptions{CacheDir: cache})
	friend, err := opened(t, e, hostile.Behaving(), sandbox.PluginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, friend)
	w := newPatron(t, e)
	repeats := 3
	if soaking() {
		repeats = 100
	}
	for i, m := range slices.Concat(hostile.Modules(), hostile.Bombs()) {
		t.Run(m.Name, func(t *testing.T) {
			if f, err := sandbox.NewPluginFile("guest.wasm", m.Wasm); err == nil && !m.AtLoad && (!race || i%8 == 0) {
				if err := a.Admit(t.Context(), f, sandbox.PluginOptions{Fuel: hostileFuel}); err != nil {
					t.Fatalf("it misbehaves before it is to: %v", err)
				}
			}
			took := w.during(besideFoe, func() { endsWithItsCode(t, e, m, repeats) })
			w.during(besideFriend, func() {
				for until := time.Now().Add(took); time.Now().Before(until); {
					if _, _, err := friend.Call(t.Context(), "evaluate", []byte(`{"abi":1}`), nil); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
	w.end(t)
}

// hostileFuel is what each of their calls may use.
const hostileFuel = 4_000_000

func endsWithItsCode(t *testing.T, e *sandbox.Engine, m hostile.Module, repeats int) {
	p, err := opened(t, e, m.Wasm, sandbox.PluginOptions{Fuel: hostileFuel})
	if m.AtLoad {
		if got := codeOf(t, err); got != m.Code {
			t.Errorf("got %v, want %s", err, m.Code)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, p)
	var first int64
	for n := range repeats {
		out, fuel, err := p.Call(t.Context(), "evaluate", []byte(hostile.Trigger), nil)
		if got := codeOf(t, err); got != m.Code || len(out) > 0 {
			t.Fatalf("got %q, %v, want %s", out, err, m.Code)
		}
		if n > 0 && fuel != first {
			t.Errorf("fuel %d, before %d", fuel, first)
		}
		first = fuel
		if out, _, err := p.Call(t.Context(), "evaluate", []byte(`{"abi":1}`), nil); err != nil || string(out) != hostile.Allowing {
			t.Fatalf("the next call: %q, %v", out, err)
		}
	}
}

func TestHostileModulesAreNotAdmitted(t *testing.T) {
	e := newEngine(t, sandbox.Options{})
	w := newPatron(t, e)
	a := newAdmitter(t, sandbox.AdmitOptions{CacheDir: privateFolder(t)})
	for i, m := range slices.Concat(hostile.Modules(), hostile.Bombs()) {
		f, err := sandbox.NewPluginFile("guest.wasm", m.Wasm)
		if !m.AtLoad || err != nil || race && i%8 != 0 { // those are not worth a process
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			w.during(besideFoe, func() {
				if err := a.Admit(t.Context(), f, sandbox.PluginOptions{}); codeOf(t, err) != m.Code {
					t.Errorf("got %v, want %s", err, m.Code)
				}
			})
			time.Sleep(20 * time.Millisecond) // to be read beside it
		})
	}
	w.end(t)
}

// TestABombThatTheScanLetsThrough takes seconds to compile: its process is stopped, and the host did not wait at all.
func TestABombThatTheScanLetsThrough(t *testing.T) {
	e := newEngine(t, sandbox.Options{})
	w := newPatron(t, e)
	f, err := sandbox.NewPluginFile("guest.wasm", hostile.Heavy())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wasm.Scan(f.Wasm, wasm.Limits{}); err != nil {
		t.Fatalf("it is no bomb that the scan lets through: %v", err)
	}
	time.Sleep(200 * time.Millisecond) // to be read beside it
	w.during(besideFoe, func() {
		err = newAdmitter(t, sandbox.AdmitOptions{Time: 300 * time.Millisecond}).Admit(t.Context(), f, sandbox.PluginOptions{})
	})
	if codeOf(t, err) != abi.CodeAdmissionLimit || !strings.Contains(err.Error(), "more time than the 300ms") {
		t.Errorf("got %v", err)
	}
	w.end(t)
}

func TestABombsProcessIsBounded(t *testing.T) {
	if race {
		t.Skip("the race detector takes memory for itself")
	}
	f, err := sandbox.NewPluginFile("guest.wasm", hostile.Heavy())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		says    string
		options sandbox.AdmitOptions
	}{
		{"more memory", sandbox.AdmitOptions{MemoryBytes: 8 << 20}},
		{"more processor time than the 1s", sandbox.AdmitOptions{CPU: time.Second}},
	} {
		err := newAdmitter(t, c.options).Admit(t.Context(), f, sandbox.PluginOptions{})
		if codeOf(t, err) != abi.CodeAdmissionLimit || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want %q", err, c.says)
		}
	}
}

func TestSecretsDoNotOutliveACall(t *testing.T) {
	p, err := opened(t, newEngine(t, sandbox.Options{}), hostile.Keeping(), sandbox.PluginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, p)
	var first string
	var cost int64
	for n := range 10 {
		out, fuel, err := p.Call(t.Context(), "evaluate", []byte(`{"abi":1}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			first, cost = string(out), fuel
		}
		if string(out) != first || fuel != cost {
			t.Errorf("call %d knows of those before it: %s for %d, the first one %s for %d", n, out, fuel, first, cost)
		}
	}
}

// holding is what this process holds of the machine.
type holding struct {
	goroutines, files int
	heap, resident    int64
}

func holds(t testing.TB) holding {
	t.Helper()
	runtime.GC()         // finalizers run behind it
	debug.FreeOSMemory() // what is only kept for reuse is not held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h := holding{goroutines: runtime.NumGoroutine(), heap: int64(m.HeapAlloc)}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		h.files = len(entries)
	}
	h.resident = resident()
	return h
}

// TestHostileGrowth repeats all of it: nothing of the machine stays with who misbehaved.
func TestHostileGrowth(t *testing.T) {
	repeats, warm := 8, 4
	if soaking() {
		repeats, warm = 1000, 100
	}
	e := newEngine(t, sandbox.Options{})
	running := map[string]*sandbox.Plugin{}
	var refused []hostile.Module
	for _, m := range slices.Concat(hostile.Modules(), hostile.Bombs()) {
		if m.AtLoad {
			refused = append(refused, m)
			continue
		}
		p, err := opened(t, e, m.Wasm, sandbox.PluginOptions{Fuel: 200_000})
		if err != nil {
			t.Fatalf("%s: %v", m.Name, err)
		}
		defer shut(t, p)
		running[m.Name] = p
	}
	round := func() {
		for name, p := range running {
			if out, _, err := p.Call(t.Context(), "evaluate", []byte(hostile.Trigger), nil); err == nil {
				t.Fatalf("%s: answered %s", name, out)
			}
		}
		for _, m := range refused {
			if p, err := opened(t, e, m.Wasm, sandbox.PluginOptions{Fuel: 200_000}); err == nil {
				shut(t, p)
				t.Fatalf("%s: it was not refused", m.Name)
			}
		}
	}
	for range warm {
		round()
	}
	before := holds(t)
	for range repeats {
		round()
	}
	after := holds(t)
	t.Logf("%d modules, %d rounds: before %+v, after %+v", len(running)+len(refused), repeats, before, after)
	if after.goroutines > before.goroutines || after.files > before.files || after.heap > before.heap+8<<20 || after.resident > before.resident+32<<20 {
		t.Errorf("it grew: %+v, before %+v", after, before)
	}
	for name, p := range running {
		if s := p.Stats(); s.Instances > 1 {
			t.Errorf("%s: %d instances are left of one caller's calls", name, s.Instances)
		}
	}
}

// resident is this process's resident memory in bytes, 0 where that is not told.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages := int64(0)
	for _, digit := range fields[1] {
		pages = pages*10 + int64(digit-'0')
	}
	return pages * int64(os.Getpagesize())
}
