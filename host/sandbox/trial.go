package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"

	"agentmesh/pdk/abi"
)

// Trial is what one golden case came to, here and under the stock Extism SDK.
type Trial struct {
	// Case is its name, or what was asked beside the cases.
	Case string
	// Ours is this engine's answer, Stock that of the SDK.
	Ours, Stock Answer
	// Fuel is what ours cost.
	Fuel int64
	// Missed says, one line each, where our answer is not what the case wants.
	Missed []string
}

// Answer is what a plugin answered, or why it did not.
type Answer struct {
	Text string
	Err  error
}

// String is the answer for people, cut where it is long.
func (a Answer) String() string {
	if a.Err != nil {
		return "failed: " + a.Err.Error()
	}
	if len(a.Text) > answerShown {
		return strings.ToValidUTF8(a.Text[:answerShown], "") + "… (" + count(len(a.Text)) + ")"
	}
	return a.Text
}

// answerShown is how many bytes of an answer are shown.
const answerShown = 2000

// Differ reports whether the engines disagree: other bytes, or a failure of one alone. How each words a failure is its own.
func (t *Trial) Differ() bool {
	return (t.Ours.Err == nil) != (t.Stock.Err == nil) || t.Ours.Err == nil && t.Ours.Text != t.Stock.Text
}

// Failure says what is wrong with the trial, or nil: the engines differ, or the answer is not what the case wants.
func (t *Trial) Failure() *abi.Failure {
	switch {
	case t.Differ():
		return &abi.Failure{
			Code:   abi.CodeEnginesDiffer,
			Detail: fmt.Sprintf("case %q: here it answers %s, and under the stock Extism SDK %s", t.Case, t.Ours, t.Stock),
		}
	case len(t.Missed) > 0:
		return &abi.Failure{Code: abi.CodeCaseFailed, Detail: fmt.Sprintf("case %q: %s; it answers %s", t.Case, strings.Join(t.Missed, "; "), t.Ours)}
	}
	return nil
}

// ask is one call of a trial.
type ask struct {
	name, export string
	input        []byte
	settings     abi.Value
	check        func(answer string) []string
}

// Try runs the plugin's golden cases here and then, each in an instance of its own, under the stock Extism SDK on
// wazero's interpreter: both another host and another engine. A typical request is tried beside them, with the settings
// that it ends calls Try in a process that can be killed.
func (pm *PluginModule) Try(ctx context.Context, settings abi.Value) ([]Trial, error) {
	asks, err := pm.asks(settings)
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodeManifestInvalid, Detail: "cases: " + err.Error()}
	}
	out := make([]Trial, len(asks))
	if err := pm.tryOurs(ctx, asks, out); err != nil {
		return nil, err
	}
	everyone := func(*Trial) bool { return true }
	if err := pm.tryStock(ctx, wazero.NewRuntimeConfigInterpreter(), asks, out, everyone); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(out, func(t Trial) bool { return tooDeep(&t) }) {
		err = pm.tryStock(ctx, wazero.NewRuntimeConfig(), asks, out, tooDeep)
	}
	return out, err
}

// tooDeep tells a trial that the interpreter could not go through with: it has room for 2,000 calls inside one another, the
// compiler for all that this host lets a guest have.
func tooDeep(t *Trial) bool {
	return t.Differ() && t.Stock.Err != nil && strings.Contains(t.Stock.Err.Error(), "stack overflow")
}

// tryStock asks the SDK, on that engine, what those trials are about that are chosen.
func (pm *PluginModule) tryStock(ctx context.Context, engine wazero.RuntimeConfig, asks []ask, out []Trial, chosen func(*Trial) bool) error {
	stock, err := newStockPlugin(ctx, pm.file.Wasm, engine)
	if err != nil {
		return &abi.Failure{Code: abi.CodeEnginesDiffer, Detail: "it runs here, and the stock Extism SDK refuses it: " + err.Error()}
	}
	defer stock.Close(ctx)
	for i := range asks {
		if chosen(&out[i]) {
			text, _ := pm.schema.canonical(asks[i].settings) // tryOurs has checked
			out[i].Stock = askStock(ctx, stock, &asks[i], text)
		}
	}
	return nil
}

// tryOurs asks this engine, one plugin for each run of cases with the same settings.
func (pm *PluginModule) tryOurs(ctx context.Context, asks []ask, out []Trial) error {
	var p *Plugin
	defer func() {
		if p != nil {
			p.Close()
		}
	}()
	for i := range asks {
		text, err := pm.schema.canonical(asks[i].settings)
		if err != nil {
			return &abi.Failure{Code: abi.CodeManifestInvalid, Detail: fmt.Sprintf("case %q: settings: %v", asks[i].name, err)}
		}
		if p == nil || p.settings != text {
			if p != nil {
				p.Close()
			}
			if p, err = pm.New(asks[i].settings); err != nil {
				return err
			}
		}
		out[i] = tryCase(ctx, p, &asks[i])
	}
	return nil
}

func tryCase(ctx context.Context, p *Plugin, a *ask) Trial {
	t := Trial{Case: a.name}
	var text []byte
	text, t.Fuel, t.Ours.Err = p.Call(ctx, a.export, a.input, nil)
	t.Ours.Text = string(text)
	switch {
	case a.check == nil:
	case t.Ours.Err != nil:
		t.Missed = []string{"no answer"}
	default:
		t.Missed = a.check(t.Ours.Text)
	}
	return t
}

func newStockPlugin(ctx context.Context, module []byte, engine wazero.RuntimeConfig) (*extism.CompiledPlugin, error) {
	config := extism.PluginConfig{EnableWasi: true, RuntimeConfig: engine}
	return extism.NewCompiledPlugin(ctx, extism.Manifest{Wasm: []extism.Wasm{extism.WasmData{Data: module}}}, config, nil)
}

// askStock asks the SDK in an instance that has not been asked before: a plugin that keeps something from call to call
// must not answer otherwise for it.
func askStock(ctx context.Context, stock *extism.CompiledPlugin, a *ask, settings string) Answer {
	i, err := stock.Instance(ctx, extism.PluginInstanceConfig{ModuleConfig: wazero.NewModuleConfig()})
	if err != nil {
		return Answer{Err: err}
	}
	defer i.Close(ctx)
	i.Config = map[string]string{settingsKey: settings}
	status, out, err := i.CallWithContext(ctx, a.export, a.input)
	switch {
	case err != nil:
		first, _, _ := strings.Cut(err.Error(), "\n")
		return Answer{Err: errors.New(first)}
	case status != 0:
		return Answer{Err: fmt.Errorf("status %d", int32(status))}
	}
	return Answer{Text: string(out)}
}

// asks are the golden cases as calls, and a typical one of each export.
func (pm *PluginModule) asks(settings abi.Value) ([]ask, error) {
	f := pm.file
	var out []ask
	cases, scores, err := f.allCases()
	if err != nil {
		return nil, err
	}
	for i := range cases {
		out = append(out, pm.policyAsk(&cases[i]))
	}
	for i := range scores {
		out = append(out, scoreAsk(&scores[i]))
	}
	if _, err := pm.schema.canonical(abi.Value{}); err == nil {
		settings = abi.Value{}
	} else if _, err := pm.schema.canonical(settings); err != nil {
		return out, nil
	}
	typicalInput := []byte(typical)
	if f.Manifest.Kind == abi.KindReward {
		typicalInput = typicalScore()
	}
	for _, export := range abi.Exports(f.Manifest.Kind) {
		out = append(out, ask{name: "a typical request to " + export, export: export, input: typicalInput, settings: settings})
	}
	return out, nil
}

func (f *PluginFile) allCases() (cases []abi.Case, scores []abi.ScoreCase, err error) {
	switch f.Manifest.Kind {
	case abi.KindPolicy:
		cases, err = f.PolicyCases()
	case abi.KindReward:
		scores, err = f.ScoreCases()
	}
	return cases, scores, err
}

func (pm *PluginModule) policyAsk(c *abi.Case) ask {
	check := func(answer string) []string {
		found, err := new(answers).read([]byte(answer), pm.effects)
		if err != nil {
			return []string{err.Error()}
		}
		return c.Want.Differences(found)
	}
	return ask{name: c.Name, export: "evaluate", input: abi.AppendRequest(nil, &c.Request), settings: c.Settings, check: check}
}

func scoreAsk(c *abi.ScoreCase) ask {
	check := func(answer string) []string {
		s, err := abi.ReadScore(answer)
		if err != nil {
			return []string{err.Error()}
		}
		return c.Want.Differences(&s)
	}
	return ask{name: c.Name, export: "score", input: abi.AppendScoreRequest(nil, &c.Request), settings: c.Settings, check: check}
}
