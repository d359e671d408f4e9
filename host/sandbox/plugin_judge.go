package sandbox

import (
	"context"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// PluginJudge is a plugin of kind policy as a judge. It speaks of every agent.
type PluginJudge struct {
	plugin *Plugin
	info   abi.Judged
	speaks [2]bool // by stage
}

var _ Judge = (*PluginJudge)(nil)

// Judge is the plugin, of kind policy, as a judge; a monitored one is recorded and takes no part.
func (p *Plugin) Judge(monitored bool) *PluginJudge {
	j := &PluginJudge{plugin: p, info: p.info}
	j.info.Monitored = monitored
	for _, stage := range p.module.file.Manifest.Stages {
		if stage == abi.StagePostTool {
			j.speaks[policy.PostTool] = true
		} else {
			j.speaks[policy.PreTool] = true
		}
	}
	return j
}

// Info implements Judge.
func (j *PluginJudge) Info() abi.Judged { return j.info }

// Plugin is the plugin that judges.
func (j *PluginJudge) Plugin() *Plugin { return j.plugin }

// Manifest implements Judge.
func (j *PluginJudge) Manifest() *abi.Manifest { return &j.plugin.module.file.Manifest }

// Module implements Judge.
func (j *PluginJudge) Module() []byte { return j.plugin.module.file.Wasm }

// Settings implements Judge.
func (j *PluginJudge) Settings() string { return j.plugin.settings }

// Applies implements Judge.
func (j *PluginJudge) Applies(q *abi.Request) bool { return j.speaks[stageOf(q)] }

// Redacts implements Judge: a plugin hides nothing by itself.
func (j *PluginJudge) Redacts() [][]abi.Step { return nil }

// Possible implements Judge. What a plugin would say of values that are not known yet cannot be told, so everything is
// possible.
func (j *PluginJudge) Possible(context.Context, *abi.Request) (abi.DecisionSet, error) {
	return abi.SetOf(abi.Deny, abi.RequireApproval, abi.Allow, abi.Warn, abi.Log, abi.Abstain), nil
}

// Evaluate implements Judge.
func (j *PluginJudge) Evaluate(ctx context.Context, q *abi.Request, found []abi.Finding) ([]abi.Finding, int64, error) {
	p := j.plugin
	i, err := p.pool.get(ctx)
	if err != nil {
		return found, 0, err
	}
	i.broken = true // should writing the request panic
	defer p.pool.put(i)
	answer, fuel, err := i.ask(0, abi.AppendRequest(i.arena.blank(), q))
	if err != nil {
		return found, fuel, err
	}
	findings, err := i.known.read(answer, p.module.effects)
	if err != nil {
		return found, fuel, err
	}
	return append(found, findings...), fuel, nil
}

// answers remembers what answers say, so that one that was read before costs neither reading nor memory.
type answers struct {
	kept map[string][]abi.Finding
}

// Answers beyond either are read each time.
const (
	answersKept  = 64
	answerLength = 4096
)

// read reads an answer. The findings do not share its memory, and are not to be changed.
func (a *answers) read(answer []byte, effects abi.DecisionSet) ([]abi.Finding, error) {
	if found, ok := a.kept[string(answer)]; ok {
		return found, nil
	}
	text := string(answer)
	found, err := abi.ReadFindings(text)
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodeOutputInvalid, Detail: err.Error()}
	}
	for i := range found {
		if d := found[i].Decision; !effects.Has(d) {
			return nil, &abi.Failure{Code: abi.CodeOutputInvalid, Detail: "its manifest does not let it " + d.String()}
		}
	}
	if len(text) <= answerLength {
		if a.kept == nil || len(a.kept) == answersKept {
			a.kept = make(map[string][]abi.Finding, answersKept)
		}
		a.kept[text] = found
	}
	return found, nil
}
