package sandbox

import (
	"context"
	"errors"
	"fmt"

	"agentmesh/host/policy"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// Judge answers requests, by whichever entry. It is safe for concurrent use while its set is held.
type Judge interface {
	// Info names the judge: name, version, digest, settings digest, and whether it is monitored.
	Info() abi.Judged
	// Applies reports whether the judge speaks at the stage that action.stage names (pre_tool when it is absent) and
	// selects the agent.
	Applies(q *abi.Request) bool
	// Evaluate appends what it finds, and says what that cost in fuel. Errors are *abi.Failure.
	Evaluate(ctx context.Context, q *abi.Request, found []abi.Finding) (_ []abi.Finding, fuel int64, err error)
	// Possible is what it may still decide when what is unknown becomes known.
	Possible(ctx context.Context, q *abi.Request) (abi.DecisionSet, error)
	// Redacts are the paths to be kept out of ledger and logs whenever it applies.
	Redacts() [][]abi.Step
	// Slots are the paths it reads of a request, its selector apart (agent.name, agent.did); all: it may read anything. They
	// are not to be changed.
	Slots() (slots []abi.Slot, all bool)
	// Manifest says what the judge is. It is not to be changed.
	Manifest() *abi.Manifest
	// Module is the module that makes this judge again, here or elsewhere (LoadModules), and Settings, one JSON object or
	// empty, what it was set to. The module is not to be changed; an absent judge has none.
	Module() []byte
	Settings() string
}

// PolicyJudge is a compiled policy. It costs no fuel: it has no loops but over lists, and traps beyond a bound of its own.
type PolicyJudge struct {
	info     abi.Judged
	manifest abi.Manifest
	module   *policy.Module
	pool     *pool
	speaks   [2]bool // by stage
	redacted [][]abi.Step
}

var _ Judge = (*PolicyJudge)(nil)

func newPolicyJudge(m *policy.Module, p *pool) (*PolicyJudge, error) {
	manifest, err := manifestOf(m.Wasm)
	if err != nil {
		return nil, err
	}
	j := &PolicyJudge{
		info:     abi.Judged{Name: manifest.Name, Version: manifest.Version, Digest: m.Digest(), Monitored: m.Policy.Monitor},
		manifest: manifest, module: m, pool: p,
	}
	j.speaks[policy.PreTool] = true
	for _, i := range m.Rules {
		r := &m.Policy.Rules[i]
		j.speaks[r.Stage] = true
		j.redacted = append(j.redacted, r.Redact...)
	}
	return j, nil
}

func manifestOf(module []byte) (abi.Manifest, error) {
	body, ok, err := wasm.Custom(module, abi.SectionManifest)
	if err != nil || !ok {
		return abi.Manifest{}, errors.Join(errors.New("read manifest: the module has none"), err)
	}
	m, err := abi.ReadManifest(string(body))
	if err != nil {
		return m, fmt.Errorf("read manifest: %w", err)
	}
	return m, nil
}

// Info implements Judge.
func (j *PolicyJudge) Info() abi.Judged { return j.info }

// Policy is the compiled policy.
func (j *PolicyJudge) Policy() *policy.Module { return j.module }

// Manifest implements Judge.
func (j *PolicyJudge) Manifest() *abi.Manifest { return &j.manifest }

// Module implements Judge.
func (j *PolicyJudge) Module() []byte { return j.module.Wasm }

// Settings implements Judge: a compiled policy has none.
func (j *PolicyJudge) Settings() string { return "" }

// Applies implements Judge.
func (j *PolicyJudge) Applies(q *abi.Request) bool {
	return j.speaks[stageOf(q)] && j.module.Policy.Applies(q.Agent.Get("name").Text(), q.Agent.Get("did").Text())
}

// Redacts implements Judge.
func (j *PolicyJudge) Redacts() [][]abi.Step { return j.redacted }

func stageOf(q *abi.Request) policy.Stage {
	if q.Action.Get("stage").Text() == abi.StagePostTool {
		return policy.PostTool
	}
	return policy.PreTool
}

// Evaluate implements Judge.
func (j *PolicyJudge) Evaluate(ctx context.Context, q *abi.Request, found []abi.Finding) ([]abi.Finding, int64, error) {
	stage := stageOf(q)
	err := j.run(ctx, q, abi.ModeIndeterminate|modeOf(stage), func(fired []uint32, out *policy.Outcome) {
		j.module.Findings(fired, stage, out)
		found = append(found, out.Findings...)
	})
	return found, 0, err
}

// Possible implements Judge.
func (j *PolicyJudge) Possible(ctx context.Context, q *abi.Request) (s abi.DecisionSet, err error) {
	stage := stageOf(q)
	err = j.run(ctx, q, abi.ModeIndeterminate|abi.ModeUnknown|modeOf(stage), func(fired []uint32, out *policy.Outcome) {
		s = j.module.Possible(fired, stage, out)
	})
	return s, err
}

func modeOf(s policy.Stage) uint32 {
	if s == policy.PostTool {
		return abi.ModePost
	}
	return 0
}

// run evaluates the rules in an instance of the pool and hands over what fired. A panic drops the instance and goes on up.
func (j *PolicyJudge) run(ctx context.Context, q *abi.Request, mode uint32, then func(fired []uint32, out *policy.Outcome)) error {
	i, err := j.pool.get(ctx)
	if err != nil {
		return failure(err)
	}
	failed := true
	defer func() { j.pool.put(i, failed) }()
	fired, err := i.direct.Evaluate(ctx, q, mode)
	if err != nil {
		return failure(err)
	}
	then(fired, &i.outcome)
	failed = false
	return nil
}

// failure gives an error of an instance its code.
func failure(err error) error {
	var f *abi.Failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, ErrTooMuchWork):
		return &abi.Failure{Code: abi.CodeOutOfFuel, Detail: err.Error()}
	case errors.Is(err, ErrInputTooLarge):
		return &abi.Failure{Code: abi.CodeInputTooLarge, Detail: err.Error()}
	default:
		return &abi.Failure{Code: abi.CodeTrap, Detail: err.Error()}
	}
}
