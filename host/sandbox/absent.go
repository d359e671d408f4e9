package sandbox

import (
	"context"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// AbsentJudge stands in for a judge that must be asked and must not run: it fails at whatever it is asked, which denies.
// It speaks of every agent; the selector of a module that must not run counts for nothing either.
type AbsentJudge struct {
	info     abi.Judged
	manifest abi.Manifest
	reason   string
	speaks   [2]bool // by stage
}

var _ Judge = (*AbsentJudge)(nil)

func newAbsentJudge(m *abi.Manifest, digest, reason string) *AbsentJudge {
	j := &AbsentJudge{
		info:     abi.Judged{Name: m.Name, Version: m.Version, Digest: digest},
		manifest: *m, reason: reason,
	}
	j.speaks[policy.PreTool] = true
	for _, stage := range m.Stages {
		if stage == abi.StagePostTool {
			j.speaks[policy.PostTool] = true
		}
	}
	return j
}

// Info implements Judge.
func (j *AbsentJudge) Info() abi.Judged { return j.info }

// Manifest implements Judge.
func (j *AbsentJudge) Manifest() *abi.Manifest { return &j.manifest }

// Module implements Judge: there is none.
func (j *AbsentJudge) Module() []byte { return nil }

// Settings implements Judge: nobody reads them.
func (j *AbsentJudge) Settings() string { return "" }

// Reason says why it is absent.
func (j *AbsentJudge) Reason() string { return j.reason }

// Applies implements Judge.
func (j *AbsentJudge) Applies(q *abi.Request) bool { return j.speaks[stageOf(q)] }

// Redacts implements Judge. What the module kept out of the record is not known any more; what it hid lay in the call.
func (j *AbsentJudge) Redacts() [][]abi.Step { return nil }

// Evaluate implements Judge: it fails with code absent.
func (j *AbsentJudge) Evaluate(_ context.Context, _ *abi.Request, found []abi.Finding) ([]abi.Finding, int64, error) {
	return found, 0, &abi.Failure{Code: abi.CodeAbsent, Detail: j.reason}
}

// Possible implements Judge.
func (j *AbsentJudge) Possible(context.Context, *abi.Request) (abi.DecisionSet, error) {
	return abi.SetOf(abi.Deny), nil
}
