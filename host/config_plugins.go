package host

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/v2"

	"agentmesh/host/sandbox"
)

// Plugin is what the operator says of one plugin. It stands in the configuration file alone: plugins' names and their
// settings' are no keys of the environment's.
type Plugin struct {
	// Mode is enforce, also when it is empty, or monitor.
	Mode string `koanf:"mode" json:",omitempty"`
	// Settings are what the plugin's own schema takes.
	Settings map[string]any `koanf:"settings" json:",omitempty"`
	// OnLapse is deny, also when it is empty, or abstain: what holds past the plugin's effective dates.
	OnLapse string `koanf:"on_lapse" json:",omitempty"`
	// MemoryPages (64 KiB each) and Fuel bound one instance and one call; 0: what the plugin asks for, up to the defaults.
	MemoryPages int64 `koanf:"memory_pages" json:",omitempty"`
	Fuel        int64 `koanf:"fuel" json:",omitempty"`
}

// pluginsKey is where plugins stand in the configuration file.
const pluginsKey = "plugins"

// pluginParser takes the plugins out of a file before the rest is cut into keys: their names have dots.
type pluginParser struct {
	koanf.Parser
	plugins map[string]Plugin
}

// Unmarshal implements koanf.Parser.
func (p *pluginParser) Unmarshal(text []byte) (map[string]any, error) {
	all, err := p.Parser.Unmarshal(text)
	if err != nil || all[pluginsKey] == nil {
		return all, err
	}
	named, ok := all[pluginsKey].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: an object by the plugins' names is wanted", pluginsKey)
	}
	delete(all, pluginsKey)
	p.plugins = make(map[string]Plugin, len(named))
	for _, name := range slices.Sorted(maps.Keys(named)) {
		var one Plugin
		d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: &one, TagName: "koanf", ErrorUnused: true})
		if err == nil {
			err = d.Decode(named[name])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", pluginsKey, name, err)
		}
		p.plugins[name] = one
	}
	return all, nil
}

// pluginOptions are the plugins as the sandbox takes them.
func (c *Config) pluginOptions() (map[string]sandbox.PluginOptions, error) {
	out := make(map[string]sandbox.PluginOptions, len(c.Plugins))
	for name, p := range c.Plugins {
		o := sandbox.PluginOptions{Mode: p.Mode, OnLapse: p.OnLapse, MemoryPages: p.MemoryPages, Fuel: p.Fuel}
		if p.Settings != nil {
			var err error
			if o.Settings, err = sandbox.SettingsOf(p.Settings); err != nil {
				return nil, fmt.Errorf("configuration: %s: %s: %w", pluginsKey, name, err)
			}
		}
		out[name] = o
	}
	return out, nil
}
