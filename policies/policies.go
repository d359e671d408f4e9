// Package policies carries the files that ship with the project: the presets, the example and the tool table. They are
// data; the packages that understand them are host/policy and host/facts.
package policies

import "embed"

//go:embed tools.yaml presets/*.yaml example/*.yaml
var files embed.FS

// Tools is the tool table, tools.yaml.
func Tools() []byte {
	b, err := files.ReadFile("tools.yaml")
	if err != nil {
		panic("policies: tools.yaml is not embedded: " + err.Error())
	}
	return b
}
