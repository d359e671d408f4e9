package replay

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"agentmesh/host/ledger"
)

// Report is what came of a replay. Its JSON form is the one that `-o json` prints.
type Report struct {
	// Mode is "audit" or "candidate".
	Mode string `json:"mode"`
	// Candidates are what was put in the place of what decided; none in an audit.
	Candidates []Candidate `json:"candidates,omitempty"`
	// Alone: the candidates decided by themselves, without the other rules of the time.
	Alone bool `json:"alone,omitempty"`
	// Made is when the report was made.
	Made time.Time `json:"made"`
	// Scope is which entries were asked for.
	Scope Scope `json:"scope"`
	// First and Last are the times of the oldest and newest decisions looked at; nil when there are none.
	First *time.Time `json:"first,omitempty"`
	Last  *time.Time `json:"last,omitempty"`
	// Decisions is how many there are: those that were Replayed, those Standing whatever the rules, and those that could not
	// be replayed (Unreplayed).
	Decisions  int64 `json:"decisions"`
	Replayed   int64 `json:"replayed"`
	Standing   int64 `json:"standing"`
	Unreplayed int64 `json:"unreplayed"`
	// Identical is how many verdicts came out byte for byte as recorded. A candidate's never do where it takes part, because
	// verdicts name who judged.
	Identical int64 `json:"identical"`
	// Same is how many came to the same decision by the same rule, Changed how many did not.
	Same    int64 `json:"same"`
	Changed int64 `json:"changed"`
	// Changes counts what changed, by kind.
	Changes Changes `json:"changes"`
	// Fuel is what judges spent, then and now.
	Fuel Fuel `json:"fuel"`
	// Rules, Agents and Tools are where it changed, the most first.
	Rules  []RuleRow  `json:"rules"`
	Agents []CountRow `json:"agents"`
	Tools  []CountRow `json:"tools"`
	// RowsLeftOut is how many rows of rules, agents and tools together are not shown.
	RowsLeftOut int64 `json:"rows_left_out,omitempty"`
	// Samples are the newest decisions of each kind of change.
	Samples []Sample `json:"samples"`
	// NotReplayed is why decisions could not be made again, Stood why recorded ones stand.
	NotReplayed []ReasonRow `json:"not_replayed"`
	Stood       []ReasonRow `json:"stood"`
	// LimitsAssumed is how many decisions took a limit for unused, because nothing is recorded of it. HostFailures is in how
	// many a judge was not asked again because the host had kept it from answering then.
	LimitsAssumed int64 `json:"limits_assumed"`
	HostFailures  int64 `json:"host_failures"`
	// Unenforced is how many of the decisions were recorded only: the action went on regardless.
	Unenforced int64 `json:"unenforced"`
	// Sets is how many different sets of rules decided, of those that could be rebuilt.
	Sets int `json:"sets"`
	// Recompiled is how many of them have a policy whose source compiles to other code here than it did then.
	Recompiled int `json:"recompiled,omitempty"`
	// Seconds is how long the replay took.
	Seconds float64 `json:"seconds"`
}

// Candidate is a version that was put in the place of what decided.
type Candidate struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
	// Source is where it was taken from, as the person who asked named it.
	Source string `json:"source,omitempty"`
	// From and Until are the dates of its manifest, and DatesHeeded says that it decided only within them.
	From        string `json:"effective_from,omitempty"`
	Until       string `json:"effective_until,omitempty"`
	DatesHeeded bool   `json:"dates_heeded,omitempty"`
	// Replaces are the versions that decided in its place, as far as the replayed sets tell.
	Replaces []string `json:"replaces,omitempty"`
}

// Scope is what was asked for; empty fields choose everything.
type Scope struct {
	Since    *time.Time `json:"since,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
	Agent    string     `json:"agent,omitempty"`
	Tool     string     `json:"tool,omitempty"`
	Decision string     `json:"decision,omitempty"`
	Rule     string     `json:"rule,omitempty"`
}

func scopeOf(f *ledger.Filter) Scope {
	return Scope{Since: pointer(f.Since), Until: pointer(f.Until), Agent: f.Agent, Tool: f.Tool, Decision: f.Decision, Rule: f.Rule}
}

func pointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Change is a kind of difference between what was decided and what is decided now.
type Change string

// The kinds of change.
const (
	// NewlyDenied: it was allowed or could be approved, and is denied now.
	NewlyDenied Change = "newly_denied"
	// NewlyAllowed: it was denied or wanted approval, and is allowed now.
	NewlyAllowed Change = "newly_allowed"
	// NewlyApproval: it was allowed or denied, and wants approval now.
	NewlyApproval Change = "newly_require_approval"
	// OtherRule: the decision is the same, by another rule, policy or code.
	OtherRule Change = "other_rule"
	// OtherText: decision and rule are the same, and the verdict's bytes are not; of interest to an audit only.
	OtherText Change = "other_text"
	// None: nothing changed.
	None Change = ""
)

// Changes counts decisions by kind of change.
type Changes struct {
	NewlyDenied   int64 `json:"newly_denied"`
	NewlyAllowed  int64 `json:"newly_allowed"`
	NewlyApproval int64 `json:"newly_require_approval"`
	OtherRule     int64 `json:"other_rule"`
	OtherText     int64 `json:"other_text"`
}

func (c *Changes) count(k Change) {
	switch k {
	case NewlyDenied:
		c.NewlyDenied++
	case NewlyAllowed:
		c.NewlyAllowed++
	case NewlyApproval:
		c.NewlyApproval++
	case OtherRule:
		c.OtherRule++
	case OtherText:
		c.OtherText++
	}
}

func (c *Changes) add(d Changes) {
	c.NewlyDenied += d.NewlyDenied
	c.NewlyAllowed += d.NewlyAllowed
	c.NewlyApproval += d.NewlyApproval
	c.OtherRule += d.OtherRule
	c.OtherText += d.OtherText
}

// Fuel is what judges spent on the decisions that were replayed.
type Fuel struct {
	Was int64 `json:"was"`
	Now int64 `json:"now"`
	// Most is what the dearest decision costs now, At its place.
	Most int64  `json:"most"`
	At   string `json:"at,omitempty"`
}

// Ruling is how a decision came out.
type Ruling struct {
	Decision string `json:"decision"`
	Code     string `json:"code"`
	Policy   string `json:"policy,omitempty"`
	Rule     string `json:"rule,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// RuleRow counts decisions that changed from one ruling to another; their reasons are left out.
type RuleRow struct {
	Change Change `json:"change"`
	Was    Ruling `json:"was"`
	Now    Ruling `json:"now"`
	Count  int64  `json:"count"`
	// Sample is the place of the newest of them.
	Sample string `json:"sample"`
}

// CountRow counts the replayed decisions of one agent, or about one tool.
type CountRow struct {
	Name string `json:"name"`
	// Replayed are those that were decided anew, Changed those of them that changed.
	Replayed int64   `json:"replayed"`
	Changed  int64   `json:"changed"`
	Changes  Changes `json:"changes"`
}

// Sample is one decision that changed.
type Sample struct {
	Change Change `json:"change"`
	// Place is where it stands in the ledger ("0/17"), ID what its verdict is called.
	Place  string    `json:"place"`
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Agent  string    `json:"agent,omitempty"`
	Server string    `json:"server,omitempty"`
	Tool   string    `json:"tool,omitempty"`
	Method string    `json:"method,omitempty"`
	Type   string    `json:"type,omitempty"`
	Stage  string    `json:"stage,omitempty"`
	Set    string    `json:"set"`
	Was    Ruling    `json:"was"`
	Now    Ruling    `json:"now"`
	// Differs names the members of the verdict that are not as recorded.
	Differs []string `json:"differs"`

	at ledger.ID
}

// ReasonRow counts decisions that were not replayed, or stand, for one reason.
type ReasonRow struct {
	Reason string `json:"reason"`
	// Detail says more: the judge that reads what is redacted, the set that is unknown.
	Detail string `json:"detail,omitempty"`
	Count  int64  `json:"count"`
	// Samples are places to look at, the newest first.
	Samples []string `json:"samples"`
}

// Reasons of Report.NotReplayed beside those of gate.Unreplayable.
const (
	ReasonBodyLost   = "body_lost"
	ReasonUnreadable = "entry_unreadable"
	ReasonSetUnknown = "set_unknown"
	ReasonMissing    = "module_missing"
	ReasonAltered    = "archive_altered"
	ReasonBroken     = "set_broken"
)

// Differs reports whether an audit found what must not be: a verdict that comes out otherwise than recorded, or an archive
// that is not what decided.
func (r *Report) Differs() bool {
	if r.Mode == modeAudit && r.Identical < r.Replayed {
		return true
	}
	for _, n := range r.NotReplayed {
		if n.Reason == ReasonAltered {
			return true
		}
	}
	return false
}

// WriteJSON writes the report as JSON, indented.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
