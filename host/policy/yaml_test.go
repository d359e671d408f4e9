package policy_test

import (
	"strings"
	"testing"
)

// The YAML parser tells lines only roughly; the loader finds the one that breaks the file.
func TestLineOfASyntaxError(t *testing.T) {
	const head = "version: \"1.0\"\nrules:\n  - name: a\n    action: deny\n"
	tests := []struct{ name, text, want string }{
		{"tab", head + "\tcondition: data.x\n", "f.yaml:5:1: "},
		{"less indentation", head + "   condition: data.x\n", "f.yaml:5:4: "},
		{"colon in a value", head + "    condition: data.x == 'a: b'\n", "f.yaml:5:28: "},
		{"text behind quotes", head + "    condition: 'a' == data.x\n", "f.yaml:5:16: "},
		{"quotation mark not closed", head + "    condition: 'a\n  - name: b\n    action: deny\n", "f.yaml:5:16: "},
		{"bracket not closed", head + "    approvers: [a, b\n  - name: b\n", "f.yaml:5:"},
		{"behind a list over lines", head + "    approvers: [\n      a,\n      b\n    ]\n  name: b\n", "f.yaml:9:3: "},
		{"behind text over lines", head + "    condition: 'data.a\n      or\n      data.b'\n   x: y\n", "f.yaml:8:4: "},
		{"reserved character", head + "    condition: @x\n", "f.yaml:5:"},
		{"escape", head + "    condition: \"\\.\"\n", "f.yaml:5:"},
		{"first line", "version: a: b\n", "f.yaml:1:11: "},
		{"far below", head + strings.Repeat("  - name: b\n    action: deny\n", 500) + " x\n", "f.yaml:1005:2: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, "f.yaml", tt.text)
			wantError(t, err, tt.want)
			wantError(t, err, "not YAML: ")
		})
	}
}
