package policy_test

import (
	"strings"
	"testing"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

func TestReadValueRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                     "empty",
		"a: [":                 "not YAML",
		"a: &x 1\nb: *x":       "by reference",
		"a: 1\na: 2":           "a second time",
		"a: 0x10":              "no number of JSON",
		"a: !!binary aGVsbG8=": "YAML tag",
	} {
		if v, err := policy.ReadValue("plugin.yaml", text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %s and error %v, want one that says %q", text, abi.AppendJSON(nil, v), err, says)
		}
	}
}

func TestReadValueKeepsOrderAndKinds(t *testing.T) {
	v, err := policy.ReadValue("plugin.yaml", "name: a/b\nversion: '1.0'\nn: [1, 2.5, null, true, text]\nabi: 1\n")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"a/b","version":"1.0","n":[1,2.5,null,true,"text"],"abi":1}`
	if got := string(abi.AppendJSON(nil, v)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
