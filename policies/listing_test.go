package policies_test

import (
	"context"
	"testing"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
	"agentmesh/policies"
)

// TestListing: while tools are listed nothing is known but their type. What a preset could never let through is hidden.
func TestListing(t *testing.T) {
	unknown := abi.UnknownValue()
	judges := map[string]*judge{}
	for _, name := range policies.Presets() {
		judges[name] = load(t, presetName(name))
	}
	for _, c := range []struct {
		preset string
		typ    abi.Value
		shown  bool
	}{
		{"strict", abi.StringValue("write"), false},
		{"strict", abi.StringValue("delete"), false},
		{"strict", abi.StringValue("execute"), false},
		{"strict", abi.StringValue("network"), false},
		{"strict", abi.StringValue("export"), false},
		{"strict", abi.StringValue("api_call"), false},
		{"strict", abi.StringValue("unknown"), false},
		{"strict", abi.StringValue("read"), true},
		{"strict", unknown, true}, // the statement will tell
		{"moderate", abi.StringValue("delete"), true},
		{"moderate", abi.StringValue("unknown"), true},
		{"permissive", abi.StringValue("unknown"), true},
	} {
		j := judges[c.preset]
		q := abi.Request{
			Action: abi.ObjectValue(abi.Member{Name: "type", Value: c.typ}), Data: unknown, Resource: unknown,
		}
		fired, err := j.direct.Evaluate(context.Background(), &q, abi.ModeUnknown|abi.ModeIndeterminate)
		if err != nil {
			t.Fatal(err)
		}
		possible := j.module.Possible(fired, policy.PreTool, &j.out)
		if got := possible.Has(abi.Allow) || possible.Has(abi.RequireApproval); got != c.shown {
			t.Errorf("%s, type %q: shown is %v, want %v (possible: %v)", c.preset, c.typ.Text(), got, c.shown, possible)
		}
	}
}

// TestListingOfDoubtfulTools: a tool that is flagged or changed is not shown under strict, whatever its arguments would be.
func TestListingOfDoubtfulTools(t *testing.T) {
	for _, c := range []struct {
		preset, mark string
		shown        bool
	}{
		{"strict", "flagged", false},
		{"strict", "changed", false},
		{"strict", "neither", true},
		{"moderate", "flagged", true},
		{"moderate", "changed", true},
		{"permissive", "changed", true},
	} {
		j := load(t, presetName(c.preset))
		q := abi.Request{
			Action: abi.ObjectValue(abi.Member{Name: "type", Value: abi.StringValue("read")}),
			Tool: abi.ObjectValue(
				abi.Member{Name: "flagged", Value: abi.BoolValue(c.mark == "flagged")},
				abi.Member{Name: "changed", Value: abi.BoolValue(c.mark == "changed")},
			),
			Data: abi.UnknownValue(), Resource: abi.UnknownValue(),
		}
		fired, err := j.direct.Evaluate(context.Background(), &q, abi.ModeUnknown|abi.ModeIndeterminate)
		if err != nil {
			t.Fatal(err)
		}
		possible := j.module.Possible(fired, policy.PreTool, &j.out)
		if got := possible.Has(abi.Allow) || possible.Has(abi.RequireApproval); got != c.shown {
			t.Errorf("%s, %s: shown is %v, want %v (possible: %v)", c.preset, c.mark, got, c.shown, possible)
		}
	}
}
