package main

import (
	"strings"
	"testing"

	"agentmesh/pdk/abi"
	pdk "agentmesh/pdk/go"
	"agentmesh/pdk/go/pdktest"
)

func TestCases(t *testing.T) { pdktest.Reward(t, plugin, "cases.json") }

func TestMistakesInSettingsFail(t *testing.T) {
	in := abi.AppendScoreRequest(nil, request(abi.Allow, abi.CodeRule, abi.OutcomeOK))
	for _, settings := range []string{
		`{"deltas":{"compliance":1}}`, `{"deltas":{"compliant":-1}}`, `{"deltas":{"denied":1}}`, `{"deltas":{"success":101}}`,
		`{"deltas":{"violations":-101}}`, `{"deltas":{"success":1.5}}`, `{"deltas":{"success":"5"}}`, `{"deltas":`,
	} {
		p := pdk.RewardWith(tableOf, reward)
		if out, err := p.Native(in, settings); err == nil || !strings.HasPrefix(err.Error(), "settings: ") {
			t.Errorf("%s: got %s and error %v, want one about the settings", settings, out, err)
		}
	}
}

func request(d abi.Decision, c abi.Code, s abi.OutcomeStatus) *abi.ScoreRequest {
	return &abi.ScoreRequest{
		Agent: abi.ObjectValue(), Verdict: abi.Verdict{Decision: d, Code: c, Enforced: true}, Outcome: abi.Outcome{DecisionID: "d", Status: s},
	}
}

// TestLossesMirrorGains holds the shipped numbers to the product's rule.
func TestLossesMirrorGains(t *testing.T) {
	r, err := tableOf(pdk.Value{})
	if err != nil {
		t.Fatal(err)
	}
	if r.compliant.n != 10 || r.success.n != 5 || r.noViolations.n != 3 || r.denied.n != -10 || r.failure.n != -5 || r.violations.n != -3 {
		t.Errorf("got %+v, want ±10, ±5, ±3", r)
	}
}

// TestOnlyAllowedActionsGain goes over every decision, code and outcome there is.
func TestOnlyAllowedActionsGain(t *testing.T) {
	codes := []abi.Code{
		abi.CodeRule, abi.CodeDefault, abi.CodeNoRule, abi.CodeRateLimited, abi.CodeApprovalRequired, abi.CodeApprovalUnavailable, abi.CodeTrap,
		abi.CodeOutOfFuel, abi.CodeOutOfMemory, abi.CodeOutputInvalid, abi.CodeInputTooLarge, abi.CodeWatchdog, abi.CodeAbsent, abi.CodeBreakerOpen,
		abi.CodeLedgerFailed, abi.CodeSelfProtected, abi.CodeMalformed, abi.CodeOverloaded, abi.CodeStateFailed, abi.CodeCancelled, "unheard",
	}
	for _, d := range []abi.Decision{abi.Deny, abi.RequireApproval, abi.Allow} {
		for _, c := range codes {
			for _, o := range []abi.OutcomeStatus{abi.OutcomeOK, abi.OutcomeError, abi.OutcomeWithheld, abi.OutcomeCancelled} {
				s, err := pdktest.Score(plugin, request(d, c, o), abi.Value{})
				if err != nil {
					t.Fatalf("%s %s %s: %v", d, c, o, err)
				}
				if gains := s.Delta > 0; gains != (d == abi.Allow) || d == abi.RequireApproval && s.Delta != 0 {
					t.Errorf("%s %s %s: %d", d, c, o, s.Delta)
				}
			}
		}
	}
}

func TestScoreWithoutInputFails(t *testing.T) {
	if rc := score(); rc == 0 {
		t.Error("an empty input was answered")
	}
}
