package replay

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

// explain says what a reason of NotReplayed or Stood means.
func explain(reason string) string {
	switch reason {
	case string(gate.UnreplayableRedacted):
		return "a rule reads what was kept out of the ledger"
	case string(gate.UnreplayableHidden):
		return "the whole request was kept out of the ledger"
	case ReasonBodyLost:
		return "the ledger no longer has the request"
	case ReasonUnreadable:
		return "the ledger's entry cannot be read; agentmesh audit verify says whether it was altered"
	case ReasonSetUnknown:
		return "the archive does not know the rules that decided"
	case ReasonMissing:
		return "a module that decided is no longer in the archive"
	case ReasonAltered:
		return "what is archived is not what decided"
	case ReasonBroken:
		return "the rules that decided do not load here"
	case string(abi.CodeSelfProtected):
		return "the mesh protects its own files, whatever the rules"
	case string(abi.CodeMalformed), string(abi.CodeInputTooLarge):
		return "the message was refused before any rule was asked"
	case string(abi.CodeCancelled):
		return "the caller went away before it was decided"
	case string(abi.CodeAbsent):
		return "no rules were loaded"
	default:
		return "the host could not decide"
	}
}

// label names a kind of change for people.
func (c Change) label() string {
	switch c {
	case NewlyDenied:
		return "newly denied"
	case NewlyAllowed:
		return "newly allowed"
	case NewlyApproval:
		return "newly requires approval"
	case OtherRule:
		return "same decision by another rule"
	case OtherText:
		return "same decision, other details"
	default:
		return "unchanged"
	}
}

// number writes 1234567 as 1,234,567.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	from := 0
	if n < 0 {
		from = 1
	}
	for i := len(s) - 3; i > from; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// many writes a number and what it counts, in the plural unless it is one.
func many(n int64, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + several
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// period is what the report covers.
func (r *Report) period() string {
	if r.First == nil {
		return "no decisions"
	}
	return instant(*r.First) + " to " + instant(*r.Last) + " UTC"
}

// tried names the candidates.
func (r *Report) tried() string {
	names := make([]string, len(r.Candidates))
	for i, c := range r.Candidates {
		names[i] = c.Name + " " + shortVersion(c.Version)
	}
	return strings.Join(names, ", ")
}

// shortVersion cuts the digests that local policies have for versions.
func shortVersion(v string) string {
	if len(v) > 24 {
		return v[:20] + "…"
	}
	return v
}

func shortVersions(versions []string) string {
	out := make([]string, len(versions))
	for i, v := range versions {
		out[i] = shortVersion(v)
	}
	return strings.Join(out, ", ")
}

// headline is the report in one sentence.
func (r *Report) headline() string {
	switch {
	case r.Decisions == 0:
		return "No decisions were recorded in this period."
	case r.Replayed == 0:
		return fmt.Sprintf("None of %s could be decided again.", many(r.Decisions, "recorded decision", "recorded decisions"))
	case r.Mode == modeAudit && r.Identical == r.Replayed:
		return fmt.Sprintf("All %s come out again exactly as recorded.", many(r.Replayed, "verdict", "verdicts"))
	case r.Mode == modeAudit:
		return fmt.Sprintf("%s of %s do not come out as recorded.", number(r.Replayed-r.Identical), many(r.Replayed, "verdict", "verdicts"))
	case r.Changed == 0:
		return fmt.Sprintf("%s would have changed none of %s.", r.tried(), many(r.Replayed, "decision", "decisions"))
	default:
		return fmt.Sprintf("%s would have changed %s of %s.", r.tried(), number(r.Changed), many(r.Replayed, "decision", "decisions"))
	}
}

// notes are what a reader must know to take the numbers for what they are.
func (r *Report) notes() []string {
	var out []string
	note := func(show bool, text string) {
		if show {
			out = append(out, text)
		}
	}
	for _, c := range r.Candidates {
		dates := strings.TrimSpace(since("from ", c.From) + since(" until ", c.Until))
		note(dates != "" && !c.DatesHeeded, c.Name+" is effective "+dates+"; it was asked of every decision, as if it had been in force all the time.")
		note(dates != "" && c.DatesHeeded, c.Name+" is effective "+dates+"; it was asked of decisions made within that time alone.")
	}
	note(r.Alone, "The candidate decided alone, without the other rules of the time.")
	note(r.LimitsAssumed > 0, "In "+many(r.LimitsAssumed, "decision", "decisions")+" a limit was taken for unused: nothing is recorded of how much of it was used up.")
	note(r.HostFailures > 0, "In "+many(r.HostFailures, "decision", "decisions")+" a rule had not answered for reasons of the host's; it was not asked again.")
	note(r.Unenforced > 0, many(r.Unenforced, "decision was", "decisions were")+" recorded only: the host merely monitored, and the actions went on.")
	note(r.Recompiled > 0, "The policies of "+many(int64(r.Recompiled), "set", "sets")+" of rules were compiled by another version of agentmesh; their sources decided again.")
	note(r.RowsLeftOut > 0, many(r.RowsLeftOut, "row", "rows")+" of the tables are left out.")
	return out
}

func since(word, date string) string {
	if date == "" {
		return ""
	}
	return word + date
}

// percent is a share in whole percent, but never 0 for something nor 100 for not all.
func percent(part, whole int64) string {
	if whole == 0 {
		return ""
	}
	p := part * 100 / whole
	switch {
	case part > 0 && p == 0:
		return "<1 %"
	case part < whole && p == 100:
		return ">99 %"
	}
	return strconv.FormatInt(p, 10) + " %"
}

// name is how a ruling is called in tables: "deny by rule never of acme.co/guard".
func (r *Ruling) name() string {
	switch {
	case r.Rule != "":
		return r.Decision + " by " + r.Rule + " of " + r.Policy
	case r.Policy != "":
		return r.Decision + " (" + r.Code + " of " + r.Policy + ")"
	default:
		return r.Decision + " (" + r.Code + ")"
	}
}

// action is what a sample's action was.
func (s *Sample) action() string {
	switch {
	case s.Tool != "" && s.Server != "":
		return s.Server + "/" + s.Tool
	case s.Tool != "":
		return s.Tool
	case s.Method != "":
		return s.Method
	default:
		return s.Type
	}
}
