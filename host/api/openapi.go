package api

import (
	_ "embed"
	"encoding/json"
	"net/http"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var description []byte

func descriptionYAML(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "application/yaml", description)
}

func descriptionJSON(w http.ResponseWriter, _ *http.Request) {
	text, err := jsonDescription()
	if err != nil {
		problem{status: http.StatusInternalServerError, code: "broken_description", detail: err.Error()}.write(w)
		return
	}
	answer(w, http.StatusOK, "application/json", text)
}

// jsonDescription is the description in JSON. Members come sorted by name.
func jsonDescription() ([]byte, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(description, &doc); err != nil {
		return nil, err
	}
	return json.MarshalIndent(doc, "", "  ")
}
