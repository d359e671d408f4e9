package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// What one call may use of a plugin that does not say, and at most unless the operator says so.
const (
	// DefaultFuel is some hundred times what a plugin of many rules uses on a large request; a guest spends it in about a
	// tenth of a second to some seconds.
	DefaultFuel = 50_000_000
	// DefaultMemoryPages of 64 KiB are 16 MiB.
	DefaultMemoryPages = 256
	// MaxMemoryPages is as far as an operator can go: 1 GiB.
	MaxMemoryPages = 1 << 14
)

// The modes of a plugin.
const (
	ModeEnforce = "enforce"
	ModeMonitor = "monitor"
)

// PluginOptions are what the operator says of one plugin; the zero value is what the plugin asks for, within the
// defaults.
type PluginOptions struct {
	// Mode is ModeEnforce, also when it is empty, or ModeMonitor.
	Mode string
	// Settings are checked by the manifest's schema; missing: an empty object.
	Settings abi.Value
	// OnLapse says what holds when the plugin is past its effective dates: deny, also when it is empty, or abstain.
	OnLapse string
	// MemoryPages and Fuel bound one instance and one call; 0: what the manifest asks for, up to the defaults. Only these
	// can go beyond the defaults.
	MemoryPages, Fuel int64
}

func (o *PluginOptions) check() error {
	switch {
	case !slices.Contains([]string{"", ModeEnforce, ModeMonitor}, o.Mode):
		return fmt.Errorf("mode %q is neither %s nor %s", o.Mode, ModeEnforce, ModeMonitor)
	case !slices.Contains([]string{"", "deny", "abstain"}, o.OnLapse):
		return fmt.Errorf("on_lapse %q is neither deny nor abstain", o.OnLapse)
	case o.MemoryPages < 0 || o.MemoryPages > MaxMemoryPages:
		return fmt.Errorf("memory_pages %d is not 0 to %d", o.MemoryPages, MaxMemoryPages)
	case o.Fuel < 0 || o.Fuel > maxFuel:
		return fmt.Errorf("fuel %d is not 0 to %d", o.Fuel, int64(maxFuel))
	}
	return nil
}

// maxFuel leaves room for what is charged beyond it.
const maxFuel = 1 << 60

// bound is what the operator says, or what the manifest asks for up to the default.
func bound(operator, manifest, most int64) int64 {
	switch {
	case operator > 0:
		return operator
	case manifest > 0:
		return min(manifest, most)
	default:
		return most
	}
}

// PluginModule is a plugin made ready to run: scanned, instrumented, and compiled. It is immutable; plugins with
// different settings share it.
type PluginModule struct {
	file     *PluginFile
	host     *pluginHost
	compiled wazero.CompiledModule
	layout   *wasm.Layout
	fuel     int64
	warmUps  []warmUp
	effects  abi.DecisionSet
	schema   *settingsSchema
	imports  []string
	how      wasm.Instrumentation
}

// CompilePlugin scans a plugin's module, checks its imports and exports, instruments and compiles it. Errors are
// *abi.Failure. Close it when its plugins are closed.
func (e *Engine) CompilePlugin(ctx context.Context, f *PluginFile, o PluginOptions) (*PluginModule, error) {
	pages := bound(o.MemoryPages, f.Manifest.MemoryPages, DefaultMemoryPages)
	return e.compilePlugin(ctx, f, o, wasm.Instrumentation{Fuel: true, Barrier: true, MaxPages: uint32(pages), Arena: sharedArena()})
}

func (e *Engine) compilePlugin(ctx context.Context, f *PluginFile, o PluginOptions, how wasm.Instrumentation) (*PluginModule, error) {
	if err := o.check(); err != nil {
		return nil, &abi.Failure{Code: abi.CodeSettingsInvalid, Detail: err.Error()}
	}
	pm := &PluginModule{file: f, fuel: bound(o.Fuel, f.Manifest.Fuel, DefaultFuel), effects: f.Manifest.MayGive(), how: how}
	pm.how.Calls = abi.Exports(f.Manifest.Kind)
	var err error
	if pm.schema, err = newSettingsSchema(f.Manifest.Settings); err != nil {
		return nil, &abi.Failure{Code: abi.CodeManifestInvalid, Detail: "settings: " + err.Error()}
	}
	if pm.warmUps, err = f.warmUps(); err != nil {
		return nil, &abi.Failure{Code: abi.CodeManifestInvalid, Detail: "cases: " + err.Error()}
	}
	instrumented, err := pm.instrument()
	if err != nil {
		return nil, err
	}
	if pm.host, err = e.pluginHost(ctx); err != nil {
		return nil, err
	}
	err = e.mended(func() (err error) {
		pm.compiled, err = pm.host.runtime.CompileModule(ctx, instrumented)
		return err
	})
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	return pm, nil
}

// instrument checks the module and adds fuel and store barrier.
func (pm *PluginModule) instrument() ([]byte, error) {
	m, err := wasm.Scan(pm.file.Wasm, wasm.Limits{})
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	if err := pm.checkImports(m); err != nil {
		return nil, err
	}
	if err := checkExports(m, pm.file.Manifest.Kind); err != nil {
		return nil, err
	}
	out, layout, err := wasm.Instrument(m, pm.how)
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	pm.layout = layout
	return out, nil
}

// checkImports refuses every import that is not served, all of them at once by name.
func (pm *PluginModule) checkImports(m *wasm.Module) error {
	var refused []string
	for _, i := range m.Imports {
		name := i.Module + "." + i.Name
		if !slices.Contains(pm.imports, name) {
			pm.imports = append(pm.imports, name)
		}
		f := served(i.Module, i.Name)
		switch {
		case f == nil:
			refused = append(refused, name)
		case !sameType(m.Types[i.Type], f):
			refused = append(refused, name+" (of another type)")
		}
	}
	if len(refused) > 0 {
		return &abi.Failure{Code: abi.CodeImportRefused, Detail: "it imports what is not given to plugins: " + strings.Join(refused, ", ")}
	}
	return nil
}

// served is the host's function of that name, or nil.
func served(module, name string) *hostFunc {
	var functions []hostFunc
	switch module {
	case extismModule:
		functions = extismFuncs()
	case wasiModule:
		functions = wasiFuncs()
	}
	if i := slices.IndexFunc(functions, func(f hostFunc) bool { return f.name == name }); i >= 0 {
		return &functions[i]
	}
	return nil
}

func sameType(ft wasm.FuncType, f *hostFunc) bool {
	same := func(types []wasm.ValueType, letters string) bool {
		return slices.Equal(types, asTypes(letters))
	}
	return same(ft.Params, f.params) && same(ft.Results, f.results)
}

func asTypes(letters string) []wasm.ValueType {
	out := make([]wasm.ValueType, len(letters))
	for i, t := range valueTypes(letters) {
		out[i] = wasm.ValueType(t)
	}
	return out
}

// checkExports refuses a plugin that lacks a function of its kind, or has one of another type than Extism's: no
// parameters, and a status or nothing.
func checkExports(m *wasm.Module, kind string) error {
	for _, name := range abi.Exports(kind) {
		ft, ok := m.Func(name)
		if !ok {
			return &abi.Failure{Code: abi.CodeExportMissing, Detail: "a plugin of kind " + kind + " exports " + strings.Join(abi.Exports(kind), ", ") + "; " + name + " is not there"}
		}
		if len(ft.Params) > 0 || len(ft.Results) > 1 || len(ft.Results) == 1 && ft.Results[0] != wasm.I32 {
			return &abi.Failure{Code: abi.CodeExportMissing, Detail: "the export " + name + " must take nothing and give an i32"}
		}
	}
	return nil
}

// File is the plugin as it was found.
func (pm *PluginModule) File() *PluginFile { return pm.file }

// Imports are the host's functions that it uses, as "module.name".
func (pm *PluginModule) Imports() []string { return pm.imports }

// Fuel is what one call may use, and MemoryPages what one instance may have, in pages of 64 KiB.
func (pm *PluginModule) Fuel() int64 { return pm.fuel }

// MemoryPages is what one instance may have, in pages of 64 KiB.
func (pm *PluginModule) MemoryPages() int64 { return int64(pm.layout.MaxPages) }

// Close frees the machine code.
func (pm *PluginModule) Close(ctx context.Context) error { return pm.compiled.Close(ctx) }
