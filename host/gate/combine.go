package gate

import (
	"math"
	"slices"
	"strings"

	"agentmesh/pdk/abi"
)

// RuleDefault is the rule that a policy's written-out default is a finding by.
const RuleDefault = "default"

// CodeReleased says that no judge had anything against a result: silence releases it.
const CodeReleased abi.Code = "released"

// Answer is what one judge said of a request: findings, or a failure.
type Answer struct {
	Judge    abi.Judged
	Findings []abi.Finding
	Failure  *abi.Failure
}

// Combine makes one verdict of the answers of all judges that apply, which are sorted by judge name. Any deny or failure
// wins, then require_approval, then allow; if nobody allows: deny, code no_rule. Warn and log findings go to the warnings
// and never decide. The verdict names the strongest finding; ties go by priority, judge name, and the order the judge gave
// them in. Monitored judges are recorded and take no part.
//
// Obligations are those of enforcing judges that the decision calls for: limits when it is an allow, approvals when it is
// require_approval, redactions always. ID, Set and RetryAfter are left to the caller, and Enforced is false.
//
// At stage post_tool nothing needs allowing: a deny or a failure withholds, everything else releases.
func Combine(stage string, answers []Answer) abi.Verdict {
	c := combination{post: stage == abi.StagePostTool}
	c.verdict.Judges = make([]abi.Judged, len(answers))
	for i := range answers {
		c.answer(&answers[i], &c.verdict.Judges[i])
	}
	c.settle()
	for i := range answers {
		if !answers[i].Judge.Monitored {
			c.oblige(answers[i].Findings)
		}
	}
	return c.verdict
}

// finding is a finding that decides, and whose it is.
type finding struct {
	*abi.Finding
	judge   *abi.Judged
	failure *abi.Failure
}

func (f *finding) strength() (rank abi.Decision, priority int64) {
	switch {
	case f.failure != nil:
		return abi.Deny, math.MinInt64
	case f.Finding == nil:
		return abi.Abstain, math.MinInt64
	default:
		return f.Decision, f.Priority
	}
}

// stronger reports whether f comes before g. Decisions are declared strongest first; what ties keeps its order.
func (f *finding) stronger(g *finding) bool {
	fr, fp := f.strength()
	gr, gp := g.strength()
	if fr != gr {
		return fr < gr
	}
	return fp > gp
}

type combination struct {
	verdict   abi.Verdict
	strongest finding
	post      bool
}

// answer takes one judge's answer in and records how the judge took part.
func (c *combination) answer(a *Answer, judged *abi.Judged) {
	*judged = a.Judge
	judged.Decision, judged.Rule = abi.Abstain, ""
	best := finding{judge: judged}
	if a.Failure != nil {
		best.failure = a.Failure
		c.warn(judged, "", a.Failure.Error())
	}
	for i := range a.Findings {
		f := &a.Findings[i]
		if f.Decision == abi.Warn || f.Decision == abi.Log {
			c.warn(judged, f.Rule, f.Reason)
		}
		if next := (finding{Finding: f, judge: judged}); next.stronger(&best) {
			best = next
		}
	}
	if rank, _ := best.strength(); rank != abi.Abstain {
		judged.Decision = rank
		if best.Finding != nil {
			judged.Rule = best.Rule
		}
		if !judged.Monitored && rank.Deciding() && best.stronger(&c.strongest) {
			c.strongest = best
		}
	}
}

// monitoredPrefix begins the warnings of monitored judges.
const monitoredPrefix = "monitored "

func (c *combination) warn(judged *abi.Judged, rule, reason string) {
	var b strings.Builder
	if judged.Monitored {
		b.WriteString(monitoredPrefix)
	}
	b.WriteString(judged.Name)
	if rule != "" {
		b.WriteString(" ")
		b.WriteString(rule)
	}
	if reason != "" {
		b.WriteString(": ")
		b.WriteString(reason)
	}
	c.verdict.Warnings = append(c.verdict.Warnings, b.String())
}

// settle lets the strongest finding be the verdict.
func (c *combination) settle() {
	v, s := &c.verdict, &c.strongest
	rank, _ := s.strength()
	switch {
	case c.post && rank != abi.Deny:
		v.Decision, v.Code, v.Reason = abi.Allow, CodeReleased, "no judge withholds the result"
		return
	case rank == abi.Abstain:
		v.Decision, v.Code, v.Reason = abi.Deny, abi.CodeNoRule, "no rule allows this action"
		if !c.enforced() {
			v.Reason = "no enforcing policy applies to this agent"
		}
		return
	case s.failure != nil:
		v.Decision, v.Code, v.Policy, v.Reason = abi.Deny, s.failure.Code, s.judge.Name, "judge "+s.judge.Name+" failed: "+s.failure.Error()
	default:
		v.Decision, v.Code, v.Policy, v.Rule, v.Reason = rank, codeOf(s), s.judge.Name, s.Rule, s.Reason
	}
}

// enforced reports whether any judge that was asked may decide: with none, a look for the rule that is missing finds nothing.
func (c *combination) enforced() bool {
	return slices.ContainsFunc(c.verdict.Judges, func(j abi.Judged) bool { return !j.Monitored })
}

func codeOf(f *finding) abi.Code {
	switch {
	case f.Decision == abi.RequireApproval:
		return abi.CodeApprovalUnavailable
	case f.Rule == RuleDefault:
		return abi.CodeDefault
	default:
		return abi.CodeRule
	}
}

func (c *combination) oblige(fs []abi.Finding) {
	for i := range fs {
		for j := range fs[i].Obligations {
			if o := &fs[i].Obligations[j]; c.called(o.Kind, fs[i].Decision) {
				c.verdict.Obligations = append(c.verdict.Obligations, *o)
			}
		}
	}
}

// called reports whether the verdict calls for an obligation of that kind on a finding with that decision.
func (c *combination) called(kind abi.ObligationKind, of abi.Decision) bool {
	switch kind {
	case abi.ObligationLimit:
		return c.verdict.Decision == abi.Allow && !c.post
	case abi.ObligationApproval:
		return c.verdict.Decision == abi.RequireApproval && of == abi.RequireApproval
	default:
		return true
	}
}

// combineSets is whether an action can still be allowed or approved, given what each enforcing judge can still say: all
// of them must be able to do otherwise than deny, and one of them must be able to allow or to ask for approval.
func combineSets(possible []abi.DecisionSet) bool {
	someone := false
	for _, s := range possible {
		yes := s.Has(abi.Allow) || s.Has(abi.RequireApproval)
		if !yes && !s.Has(abi.Abstain) && !s.Has(abi.Warn) && !s.Has(abi.Log) {
			return false
		}
		someone = someone || yes
	}
	return someone
}
