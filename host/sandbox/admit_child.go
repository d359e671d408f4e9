package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/tetratelabs/wazero/experimental"

	"agentmesh/pdk/abi"
)

// AdmitCommand is the first argument by which a command of ours is told to be AdmitMain and nothing else.
const AdmitCommand = "admit-plugin"

// admitRequest is what a parent asks: a line of JSON, and the module behind it.
type admitRequest struct {
	Path        string          `json:"path"`
	CacheDir    string          `json:"cache_dir"`
	MemoryPages int64           `json:"memory_pages"`
	Fuel        int64           `json:"fuel"`
	Settings    json.RawMessage `json:"settings,omitempty"`
	Time        time.Duration   `json:"time"`
	CPU         time.Duration   `json:"cpu"`
	MemoryBytes int64           `json:"memory_bytes"`
}

// admitAnswer is what a child answers: a code if the plugin is refused.
type admitAnswer struct {
	Code   abi.Code `json:"code,omitempty"`
	Detail string   `json:"detail,omitempty"`
	// Done tells an answer from nothing.
	Done bool `json:"done"`
}

// AdmitMain is the process that plugins are compiled and tried in for the first time: it reads one from stdin, bounds
// itself, writes to stdout whether it is admitted, and returns the exit code. Only an Admitter calls it.
func AdmitMain(stdin io.Reader, stdout io.Writer) int {
	in := bufio.NewReader(stdin)
	var q admitRequest
	line, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &q)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "this command is for the host itself: it reads a plugin from its parent process")
		return 2
	}
	c := admission{stdout: stdout}
	if err := c.bound(&q); err != nil {
		return c.answer(&abi.Failure{Code: abi.CodeAdmissionFailed, Detail: err.Error()})
	}
	module, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil || len(module) > maxFile {
		return c.answer(&abi.Failure{Code: abi.CodePluginMalformed, Detail: fmt.Sprintf("it has more than %d bytes", maxFile)})
	}
	return c.answer(tryPlugin(&q, module))
}

// admission is a child on its way to an answer.
type admission struct {
	stdout io.Writer
	once   sync.Once
}

// answer writes the first answer, which is the only one.
func (c *admission) answer(err error) int {
	c.once.Do(func() {
		a := admitAnswer{Done: true}
		var f *abi.Failure
		switch {
		case errors.As(err, &f):
			a.Code, a.Detail = f.Code, f.Detail
		case err != nil:
			a.Code, a.Detail = abi.CodeAdmissionFailed, err.Error()
		}
		json.NewEncoder(c.stdout).Encode(a) // without an answer the parent refuses
	})
	return 0
}

// bound sets the process's limits. Memory is watched as well as limited: the system's limit ends the process without a
// word, and not every system has one.
func (c *admission) bound(q *admitRequest) error {
	if err := limitProcess(q.CPU, q.MemoryBytes); err != nil {
		return fmt.Errorf("limit the process: %w", err)
	}
	debug.SetMemoryLimit(q.MemoryBytes * 3 / 4)
	go func() {
		in := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		deadline := time.Now().Add(q.Time)
		for range time.Tick(admitLook) {
			metrics.Read(in)
			switch {
			case in[0].Value.Uint64()-in[1].Value.Uint64() > uint64(q.MemoryBytes):
				os.Exit(c.answer(tooMuch("memory", fmt.Sprintf("%d MiB", q.MemoryBytes>>20))))
			case time.Now().After(deadline):
				os.Exit(c.answer(tooMuch("time", q.Time.String())))
			}
		}
	}()
	return nil
}

// admitLook is how often a child looks at what it uses.
const admitLook = 20 * time.Millisecond

func tooMuch(what, limit string) *abi.Failure {
	return &abi.Failure{
		Code: abi.CodeAdmissionLimit,
		Detail: "to compile and try it took more " + what + " than the " + limit + " given for it, so it was stopped; " +
			"build the plugin smaller (fewer dependencies, optimised for size), or look at what its cases do",
	}
}

// tryPlugin is admission itself. A nil error admits.
func tryPlugin(q *admitRequest, module []byte) error {
	ctx := experimental.WithCompilationWorkers(context.Background(), runtime.GOMAXPROCS(0))
	f, err := NewPluginFile(q.Path, module)
	if err != nil {
		return err
	}
	settings, err := readSettings(q.Settings)
	if err != nil {
		return err
	}
	e, err := NewEngine(ctx, Options{CacheDir: q.CacheDir, Instances: 1, MemoryBudget: 4 << 30})
	if err != nil {
		return err
	}
	defer e.Close(ctx)
	pm, err := e.CompilePlugin(ctx, f, PluginOptions{MemoryPages: q.MemoryPages, Fuel: q.Fuel})
	if err != nil {
		return err
	}
	trials, err := pm.Try(ctx, settings)
	if err != nil {
		return err
	}
	for i := range trials {
		if f := trials[i].Failure(); f != nil {
			return f
		}
	}
	return nil
}

func readSettings(text []byte) (abi.Value, error) {
	if len(text) == 0 {
		return abi.Value{}, nil
	}
	v, err := abi.ReadValue(string(text))
	if err != nil {
		return v, &abi.Failure{Code: abi.CodeSettingsInvalid, Detail: err.Error()}
	}
	return v, nil
}
