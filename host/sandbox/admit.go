package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"agentmesh/host/disk"
	"agentmesh/pdk/abi"
)

// AdmitOptions say how plugins are admitted.
type AdmitOptions struct {
	// Command is a program, with arguments, that ends in AdmitMain; that of a command of ours is itself with AdmitCommand.
	Command []string
	// CacheDir is the Engine's: machine code is made there, and who was admitted is remembered there. Empty: nothing is kept
	// beyond this process, and what is admitted is compiled a second time.
	CacheDir string
	// Time, CPU and MemoryBytes bound the child; 0: 60 s, 60 s of all processors together, 2 GiB and what the plugin's own
	// memory may take.
	Time, CPU   time.Duration
	MemoryBytes int64
	// Begin is told of each plugin that is about to be tried, which takes as long as compiling it does; nil: nobody is.
	Begin func(f *PluginFile)
}

// Admitter admits plugins: once for each digest and version of the engine, a child process scans and compiles the module,
// runs its golden cases here and under the stock Extism SDK, and says whether they agree. What a hostile module can do to
// a compiler it does to that process, which is bounded and is killed. It is safe for concurrent use; one child runs at a
// time.
type Admitter struct {
	options AdmitOptions
	mu      sync.Mutex
	known   map[string]verdict
}

// verdict is what came of an admission: nil admits. A refusal for time or memory may have been a busy machine's, and holds
// until it is due again.
type verdict struct {
	refusal *abi.Failure
	due     time.Time // zero: never
}

// again is after how long a plugin that was too much is tried again.
const again = 10 * time.Minute

// NewAdmitter makes an admitter. The cache directory is made, or checked, as an Engine does.
func NewAdmitter(o AdmitOptions) (*Admitter, error) {
	if len(o.Command) == 0 {
		return nil, errors.New("admit plugins: no command is given to try them by")
	}
	if o.CacheDir != "" {
		if err := disk.PrivateDir(o.CacheDir); err != nil {
			return nil, fmt.Errorf("admit plugins: %w", err)
		}
	}
	if o.Time <= 0 {
		o.Time = time.Minute
	}
	if o.CPU <= 0 {
		o.CPU = time.Minute
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 2 << 30
	}
	return &Admitter{options: o, known: map[string]verdict{}}, nil
}

// SelfAdmission is the command by which the running program admits plugins, if its main calls AdmitMain when the first
// argument is AdmitCommand.
func SelfAdmission() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("admit plugins: %w", err)
	}
	return []string{self, AdmitCommand}, nil
}

// Admit is an Options.Admission: nil admits the plugin, an *abi.Failure says why not.
func (a *Admitter) Admit(ctx context.Context, f *PluginFile, o PluginOptions) error {
	key := admissionKey(f, o)
	a.mu.Lock()
	defer a.mu.Unlock()
	v, known := a.known[key]
	if !known || !v.due.IsZero() && time.Now().After(v.due) {
		if a.remembered(f, key) {
			v = verdict{}
		} else if v = a.try(ctx, f, o); v.refusal == nil {
			a.remember(f, key)
		}
		if v.refusal == nil || v.refusal.Code != abi.CodeAdmissionFailed {
			a.known[key] = v
		}
	}
	if v.refusal == nil {
		return nil
	}
	return v.refusal
}

// admissionKey names all that an admission hangs on.
func admissionKey(f *PluginFile, o PluginOptions) string {
	pages := bound(o.MemoryPages, f.Manifest.MemoryPages, DefaultMemoryPages)
	return fmt.Sprintf("%s pages %d fuel %d %s", f.Digest, pages, bound(o.Fuel, f.Manifest.Fuel, DefaultFuel), EngineVersion())
}

// admissionRevision is counted up whenever the same module might be admitted otherwise than before.
const admissionRevision = 2

// EngineVersion names everything that admission of a module hangs on beside it: the host's own part, the engines, and the
// machine's kind.
func EngineVersion() string {
	versions := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			versions[d.Path] = d.Version
		}
	}
	return fmt.Sprintf("admission %d wazero %s extism %s %s/%s", admissionRevision,
		versions["github.com/tetratelabs/wazero"], versions["github.com/extism/go-sdk"], runtime.GOOS, runtime.GOARCH)
}

// try asks a child.
func (a *Admitter) try(ctx context.Context, f *PluginFile, o PluginOptions) verdict {
	q := admitRequest{
		Path: f.Path, CacheDir: a.options.CacheDir, MemoryPages: o.MemoryPages, Fuel: o.Fuel,
		Time: a.options.Time, CPU: a.options.CPU,
		MemoryBytes: a.options.MemoryBytes + 2*bound(o.MemoryPages, f.Manifest.MemoryPages, DefaultMemoryPages)<<16,
	}
	if o.Settings.Exists() {
		q.Settings = abi.AppendJSON(nil, o.Settings)
	}
	if err := o.check(); err != nil {
		return verdict{refusal: &abi.Failure{Code: abi.CodeSettingsInvalid, Detail: err.Error()}}
	}
	if a.options.Begin != nil {
		a.options.Begin(f)
	}
	head, err := json.Marshal(q)
	if err != nil {
		return unable(err)
	}
	answer, err := a.child(ctx, append(append(head, '\n'), f.Wasm...))
	switch {
	case err != nil:
		return a.died(ctx, err)
	case answer.Code == abi.CodeAdmissionLimit:
		return overdrawn(&abi.Failure{Code: answer.Code, Detail: answer.Detail})
	case answer.Code != "":
		return verdict{refusal: &abi.Failure{Code: answer.Code, Detail: answer.Detail}}
	}
	return verdict{}
}

func unable(err error) verdict {
	return verdict{refusal: &abi.Failure{Code: abi.CodeAdmissionFailed, Detail: "the host could not try it: " + err.Error()}}
}

func overdrawn(f *abi.Failure) verdict { return verdict{refusal: f, due: time.Now().Add(again)} }

// childError is how a child ended without an answer.
type childError struct {
	err    error
	said   string // the first line of it
	killed bool   // by its parent, which waited long enough
}

func (e *childError) Error() string {
	if e.said == "" {
		return e.err.Error()
	}
	return e.err.Error() + ": " + e.said
}

// Unwrap is how the process ended.
func (e *childError) Unwrap() error { return e.err }

// child runs the command with nothing of the environment: what it compiles must learn nothing.
func (a *Admitter) child(ctx context.Context, input []byte) (admitAnswer, error) {
	patient, stop := context.WithTimeout(ctx, a.options.Time+admitGrace)
	defer stop()
	var out, said beginning
	c := exec.CommandContext(patient, a.options.Command[0], a.options.Command[1:]...)
	c.Env = []string{"GOTRACEBACK=none"}
	if root := os.Getenv("SystemRoot"); root != "" { // Windows starts nothing without
		c.Env = append(c.Env, "SystemRoot="+root)
	}
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(input), &out, &said
	c.WaitDelay = time.Second
	apart(c)
	err := c.Run()
	var answer admitAnswer
	if json.Unmarshal(out.kept, &answer) == nil && answer.Done {
		return answer, nil
	}
	if err == nil {
		err = errors.New("the process that tries plugins ended without an answer")
	}
	first, _, _ := strings.Cut(string(said.kept), "\n")
	return answer, &childError{err: err, said: first, killed: patient.Err() != nil && ctx.Err() == nil}
}

// admitGrace is how much longer than it gives itself a child is let live.
const admitGrace = 2 * time.Second

// beginning takes everything and keeps how it begins.
type beginning struct{ kept []byte }

const beginningKept = 64 << 10

// Write implements io.Writer.
func (t *beginning) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[:min(len(p), beginningKept-len(t.kept))]...)
	return len(p), nil
}

// died tells a child that used up what it was given from one that could not be started.
func (a *Admitter) died(ctx context.Context, err error) verdict {
	var e *childError
	var exited *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return unable(context.Cause(ctx))
	case !errors.As(err, &e):
		return unable(err)
	case e.killed:
		return overdrawn(tooMuch("time", a.options.Time.String()))
	case errors.As(err, &exited) && exited.UserTime()+exited.SystemTime() >= a.options.CPU:
		return overdrawn(tooMuch("processor time", a.options.CPU.String()))
	case strings.Contains(e.said, "out of memory") || strings.Contains(e.said, "cannot allocate memory"):
		return overdrawn(tooMuch("memory", strconv.FormatInt(a.options.MemoryBytes>>20, 10)+" MiB"))
	case exited == nil:
		return unable(err)
	case exited.ExitCode() == 2 && strings.HasPrefix(e.said, "this command is"):
		return unable(err)
	}
	return overdrawn(&abi.Failure{Code: abi.CodeAdmissionLimit, Detail: "the process that compiled and tried it died of it: " + e.Error()})
}

// remembered reports whether the cache says that the plugin was admitted. Only a file that nobody else can have written
// counts, and only if it says all that the key does.
func (a *Admitter) remembered(f *PluginFile, key string) bool {
	if a.options.CacheDir == "" {
		return false
	}
	files := trusted{seen: map[string]bool{}}
	text, err := files.ReadFile(a.file(f, key))
	return err == nil && string(text) == key+"\n"
}

// remember notes an admission. Where that fails the plugin is admitted again another time, no worse.
func (a *Admitter) remember(f *PluginFile, key string) {
	if a.options.CacheDir == "" {
		return
	}
	path := a.file(f, key)
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	_ = disk.Replace(path, []byte(key+"\n"), 0o600)
}

// file is where an admission is remembered.
func (a *Admitter) file(f *PluginFile, key string) string {
	name := strings.TrimPrefix(f.Digest, "sha256:") + "-" + strings.TrimPrefix(digestText(key), "sha256:")[:16]
	return filepath.Join(a.options.CacheDir, "admitted", name)
}
