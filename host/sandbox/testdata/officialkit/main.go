// Command officialkit is a plugin written with Extism's own Go kit, as published, for showing that such plugins run here
// unmodified. It denies what it finds listed in its settings.
package main

import (
	"encoding/json"
	"slices"

	"github.com/extism/go-pdk"
)

type request struct {
	Action struct{ Type, Tool string }
}

type finding struct {
	Decision string `json:"decision"`
	Rule     string `json:"rule"`
	Reason   string `json:"reason"`
}

type answer struct {
	ABI      int       `json:"abi"`
	Findings []finding `json:"findings"`
}

//go:wasmexport evaluate
func evaluate() int32 {
	var q request
	if err := pdk.InputJSON(&q); err != nil {
		pdk.SetError(err)
		return 1
	}
	var settings struct{ Denied []string }
	if text, ok := pdk.GetConfig("settings"); ok {
		if err := json.Unmarshal([]byte(text), &settings); err != nil {
			pdk.SetError(err)
			return 1
		}
	}
	pdk.Log(pdk.LogInfo, "asked about "+q.Action.Tool)
	out := answer{ABI: 1, Findings: []finding{}}
	if slices.Contains(settings.Denied, q.Action.Type) {
		out.Findings = append(out.Findings, finding{"deny", "denied-types", q.Action.Type + " is listed"})
	}
	if err := pdk.OutputJSON(out); err != nil {
		pdk.SetError(err)
		return 1
	}
	return 0
}

func main() {}
