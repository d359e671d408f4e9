package replay

import (
	"slices"
	"strings"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// changeOf is how the new verdict differs from the recorded one, as far as anybody but an auditor cares.
func changeOf(then, now *abi.Verdict) Change {
	switch {
	case then.Decision == now.Decision:
		if then.Code == now.Code && then.Rule == now.Rule && then.Policy == now.Policy {
			return None
		}
		return OtherRule
	case now.Decision == abi.Allow:
		return NewlyAllowed
	case now.Decision == abi.RequireApproval:
		return NewlyApproval
	default:
		return NewlyDenied
	}
}

func rulingOf(v *abi.Verdict) Ruling {
	return Ruling{Decision: v.Decision.String(), Code: string(v.Code), Policy: v.Policy, Rule: v.Rule}
}

// clone lets go of the entry that the strings were read from.
func (r *Ruling) clone() {
	for _, s := range []*string{&r.Decision, &r.Code, &r.Policy, &r.Rule, &r.Reason} {
		*s = strings.Clone(*s)
	}
}

func sampleOf(change Change, r *ledger.Record, then *gate.Recorded, now *gate.Redecided) Sample {
	action := then.Request.Action
	s := Sample{
		Change: change, Place: r.At.String(), at: r.At, ID: r.ID, Time: r.Time, Agent: r.Agent, Server: r.Server, Tool: r.Tool,
		Method: r.Method, Type: strings.Clone(action.Get("type").Text()), Stage: strings.Clone(action.Get("stage").Text()),
		Set: strings.Clone(then.Verdict.Set), Was: rulingOf(&then.Verdict), Now: rulingOf(&now.Verdict),
		Differs: differing(&then.Verdict, &now.Verdict),
	}
	s.Was.Reason, s.Now.Reason = then.Verdict.Reason, now.Verdict.Reason
	s.Was.clone()
	s.Now.clone()
	return s
}

func (s *Sample) sampled() sampled { return sampled{s.Time, s.at} }

// differing names the members of two verdicts that are not the same.
func differing(then, now *abi.Verdict) []string {
	out := []string{}
	for _, m := range []struct {
		name string
		same bool
	}{
		{"decision", then.Decision == now.Decision},
		{"code", then.Code == now.Code},
		{"rule", then.Rule == now.Rule},
		{"policy", then.Policy == now.Policy},
		{"reason", then.Reason == now.Reason},
		{"warnings", slices.Equal(then.Warnings, now.Warnings)},
		{"judges", slices.Equal(then.Judges, now.Judges)},
		{"obligations", slices.EqualFunc(then.Obligations, now.Obligations, sameObligation)},
		{"retry_after", then.RetryAfter == now.RetryAfter},
		{"set", then.Set == now.Set},
	} {
		if !m.same {
			out = append(out, m.name)
		}
	}
	return out
}

func sameObligation(a, b abi.Obligation) bool {
	return string(abi.AppendObligation(nil, &a)) == string(abi.AppendObligation(nil, &b))
}

// appendAction says what an action was, as `audit list` does: the tool or method where there is one, else its type.
func appendAction(dst []byte, r *ledger.Record, then *gate.Recorded) []byte {
	switch {
	case r.Tool != "" && r.Server != "":
		return append(append(append(dst, r.Server...), '/'), r.Tool...)
	case r.Tool != "":
		return append(dst, r.Tool...)
	case r.Method != "":
		return append(dst, r.Method...)
	default:
		return append(dst, then.Request.Action.Get("type").Text()...)
	}
}
