package oci

import (
	"encoding/json"

	"agentmesh/pdk/abi"
)

// wasmConfig is the config of a Wasm artifact (CNCF Wasm working group, OCI artifact layout). Created is fixed: readers
// exist that want the field, and a real time would give the same module another digest every day.
type wasmConfig struct {
	Created      string   `json:"created"`
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	LayerDigests []string `json:"layerDigests"`
}

const noTime = "1970-01-01T00:00:00Z"

// WasmArtifact is a module as it is pushed. The title of its layer is "module.wasm"; annotations are for people, and are
// part of what the digest covers.
func WasmArtifact(wasm []byte, annotations map[string]string) Artifact {
	config, err := json.Marshal(wasmConfig{
		Created: noTime, Architecture: "wasm", OS: "wasip1", LayerDigests: []string{digestOf(wasm).String()},
	})
	if err != nil {
		panic(err) // strings always marshal
	}
	return Artifact{
		Config: config, ConfigType: WasmConfigType, Annotations: annotations,
		Layers: []Layer{{MediaType: WasmType, Data: wasm, Title: "module.wasm"}},
	}
}

// CheckWasm refuses what is no Wasm artifact: another config type than [WasmConfigType], other than one layer
// [WasmType], a config that JSON parsers could differ on, or that is of another platform or of other layers. Wasip2
// components do not run here.
func CheckWasm(p *Pulled) error {
	place := p.Reference.String()
	if len(p.Layers) != 1 {
		return at(place, fault(CodeLayersUnexpected, "it has %d layers, where one module is taken", len(p.Layers)))
	}
	if p.Config.MediaType != WasmConfigType || p.Layers[0].MediaType != WasmType {
		return at(place, fault(CodeMediaTypeUnknown, "config %s and layer %s are no Wasm module", shown(p.Config.MediaType), shown(p.Layers[0].MediaType)))
	}
	config, err := abi.ReadValue(string(p.Config.Data))
	if err != nil {
		return at(place, fault(CodeConfigInvalid, "the config is no JSON that can be taken: %v", err))
	}
	architecture, os := config.Get("architecture").Text(), config.Get("os").Text()
	if architecture != "wasm" || os != "wasip1" {
		return at(place, fault(CodeConfigInvalid, "the config is for %s on %s, not wasip1 on wasm", shown(os), shown(architecture)))
	}
	digests, want := config.Get("layerDigests"), digestOf(p.Layers[0].Data).String()
	if digests.Kind() != abi.List || digests.Len() != 1 || digests.At(0).Text() != want {
		return at(place, fault(CodeConfigInvalid, "the config's layerDigests do not name the layer %s", want))
	}
	return nil
}
