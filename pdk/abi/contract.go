package abi

// ObligationKind says what an obligation asks of the host.
type ObligationKind string

// The obligations: count the action against a limit, have it approved, keep paths out of ledger and logs.
const (
	ObligationLimit    ObligationKind = "limit"
	ObligationApproval ObligationKind = "approval"
	ObligationRedact   ObligationKind = "redact"
)

// Obligation is what the host must do about a decision.
type Obligation struct {
	Kind      ObligationKind
	Rule      string
	Limit     string   // "100/hour"; for limit
	Approvers []string // for approval; empty: anyone the operator lets approve
	Paths     []string // for redact
}

// Finding is one judge's decision by one rule.
type Finding struct {
	Decision    Decision
	Rule        string
	Reason      string
	Priority    int64
	Obligations []Obligation
}

// Judged says how one judge took part in a verdict. Monitored judges are recorded and decide nothing.
type Judged struct {
	Name           string
	Version        string
	Digest         string
	SettingsDigest string
	Decision       Decision // Abstain when it found nothing
	Rule           string
	Fuel           int64
	Monitored      bool
}

// Verdict is the combined decision, of one shape in commands, over HTTP and in the ledger. The zero Verdict denies.
type Verdict struct {
	Decision    Decision
	Code        Code
	Rule        string
	Policy      string // the judge whose rule it is
	Reason      string // for people
	Warnings    []string
	Judges      []Judged
	Obligations []Obligation
	RetryAfter  int64  // seconds, rounded up; 0: no use waiting
	Set         string // digest of the judges, settings and configuration that were active
	ID          string
	Enforced    bool // false: recorded only, the action went on regardless
}

// AppendObligation appends the obligation; members that its kind has no use for are left out.
func AppendObligation(dst []byte, b *Obligation) []byte {
	o := open(dst)
	o.text("kind", string(b.Kind))
	o.text("rule", b.Rule)
	o.optional("limit", b.Limit)
	if len(b.Approvers) > 0 {
		o.texts("approvers", b.Approvers)
	}
	if len(b.Paths) > 0 {
		o.texts("paths", b.Paths)
	}
	return o.close()
}

func appendObligations(dst []byte, bs []Obligation) []byte {
	dst = append(dst, '[')
	for i := range bs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendObligation(dst, &bs[i])
	}
	return append(dst, ']')
}

func readObligations(items []Member) ([]Obligation, error) {
	if len(items) == 0 {
		return nil, nil
	}
	out := make([]Obligation, len(items))
	for i := range items {
		f := fieldsOf(items[i].Value, "obligations")
		out[i] = Obligation{
			Kind: ObligationKind(f.text("kind")), Rule: f.text("rule"), Limit: f.text("limit"),
			Approvers: f.texts("approvers"), Paths: f.texts("paths"),
		}
		switch out[i].Kind {
		case ObligationLimit, ObligationApproval, ObligationRedact:
		default:
			f.wrong("kind", "one of limit, approval, redact", items[i].Value.Get("kind"))
		}
		if err := f.end("kind", "rule", "limit", "approvers", "paths"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AppendFindings appends a guest's answer.
func AppendFindings(dst []byte, fs []Finding) []byte {
	dst = append(dst, `{"abi":1,"findings":[`...)
	for i := range fs {
		if i > 0 {
			dst = append(dst, ',')
		}
		o := open(dst)
		o.text("decision", fs[i].Decision.String())
		o.text("rule", fs[i].Rule)
		o.text("reason", fs[i].Reason)
		o.integer("priority", fs[i].Priority)
		o.name("obligations")
		o.dst = appendObligations(o.dst, fs[i].Obligations)
		dst = o.close()
	}
	return append(dst, "]}"...)
}

// ReadFindings reads a guest's answer strictly: unknown, repeated and wrongly typed members are errors, and so is a
// decision that a guest cannot give.
func ReadFindings(src string) ([]Finding, error) {
	v, err := ReadValue(src)
	if err != nil {
		return nil, err
	}
	f := fieldsOf(v, "answer")
	f.version()
	items := f.list("findings")
	if err := f.end("abi", "findings"); err != nil {
		return nil, err
	}
	out := make([]Finding, len(items))
	for i := range items {
		if out[i], err = readFinding(items[i].Value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func readFinding(v Value) (Finding, error) {
	f := fieldsOf(v, "findings")
	out := Finding{Decision: f.decision("decision"), Rule: f.text("rule"), Reason: f.text("reason"), Priority: f.integer("priority")}
	if out.Decision == Abstain {
		f.wrong("decision", "one of allow, deny, require_approval, warn, log", v.Get("decision"))
	}
	if out.Rule == "" {
		f.wrong("rule", "a name", v.Get("rule"))
	}
	bs, err := readObligations(f.list("obligations"))
	if err != nil {
		return Finding{}, err
	}
	out.Obligations = bs
	return out, f.end("decision", "rule", "reason", "priority", "obligations")
}

// AppendVerdict appends the verdict. Every member stands there every time but retry_after, which is left out when it is 0.
func AppendVerdict(dst []byte, v *Verdict) []byte {
	o := open(dst)
	o.text("decision", v.Decision.String())
	o.text("code", string(v.Code))
	o.text("rule", v.Rule)
	o.text("policy", v.Policy)
	o.text("reason", v.Reason)
	o.texts("warnings", v.Warnings)
	o.name("judges")
	o.dst = appendJudges(o.dst, v.Judges)
	o.name("obligations")
	o.dst = appendObligations(o.dst, v.Obligations)
	if v.RetryAfter > 0 {
		o.integer("retry_after", v.RetryAfter)
	}
	o.text("set", v.Set)
	o.text("id", v.ID)
	o.boolean("enforced", v.Enforced)
	return o.close()
}

func appendJudges(dst []byte, js []Judged) []byte {
	dst = append(dst, '[')
	for i := range js {
		if i > 0 {
			dst = append(dst, ',')
		}
		o := open(dst)
		o.text("name", js[i].Name)
		o.text("version", js[i].Version)
		o.text("digest", js[i].Digest)
		o.optional("settings_digest", js[i].SettingsDigest)
		o.text("decision", js[i].Decision.String())
		o.text("rule", js[i].Rule)
		o.integer("fuel", js[i].Fuel)
		if js[i].Monitored {
			o.boolean("monitored", true)
		}
		dst = o.close()
	}
	return append(dst, ']')
}

// ReadVerdict reads a verdict as AppendVerdict writes it, strictly.
func ReadVerdict(src string) (Verdict, error) {
	v, err := ReadValue(src)
	if err != nil {
		return Verdict{}, err
	}
	return VerdictOf(v)
}

// VerdictOf takes a verdict out of an object, as ReadVerdict does. On an error it denies.
func VerdictOf(v Value) (Verdict, error) {
	f := fieldsOf(v, "verdict")
	out := Verdict{
		Decision: f.decision("decision"), Code: Code(f.text("code")), Rule: f.text("rule"), Policy: f.text("policy"),
		Reason: f.text("reason"), Warnings: f.texts("warnings"), RetryAfter: f.integer("retry_after"),
		Set: f.text("set"), ID: f.text("id"), Enforced: f.boolean("enforced"),
	}
	if !out.Decision.Deciding() {
		f.wrong("decision", "one of allow, deny, require_approval", v.Get("decision"))
	}
	judges, obligations := f.list("judges"), f.list("obligations")
	err := f.end("decision", "code", "rule", "policy", "reason", "warnings", "judges", "obligations", "retry_after", "set", "id", "enforced")
	if err != nil {
		return Verdict{}, err
	}
	if out.Judges, err = readJudges(judges); err != nil {
		return Verdict{}, err
	}
	if out.Obligations, err = readObligations(obligations); err != nil {
		return Verdict{}, err
	}
	return out, nil
}

func readJudges(items []Member) ([]Judged, error) {
	if len(items) == 0 {
		return nil, nil
	}
	out := make([]Judged, len(items))
	for i := range items {
		f := fieldsOf(items[i].Value, "judges")
		out[i] = Judged{
			Name: f.text("name"), Version: f.text("version"), Digest: f.text("digest"), SettingsDigest: f.text("settings_digest"),
			Decision: f.decision("decision"), Rule: f.text("rule"), Fuel: f.integer("fuel"), Monitored: f.boolean("monitored"),
		}
		err := f.end("name", "version", "digest", "settings_digest", "decision", "rule", "fuel", "monitored")
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// OutcomeStatus says what became of an action after its verdict.
type OutcomeStatus string

// The outcomes. A decision that has none reads "outcome unknown".
const (
	OutcomeOK        OutcomeStatus = "ok"
	OutcomeError     OutcomeStatus = "error"
	OutcomeWithheld  OutcomeStatus = "withheld"
	OutcomeCancelled OutcomeStatus = "cancelled"
)

// Outcome is what happened after a verdict.
type Outcome struct {
	DecisionID string
	Status     OutcomeStatus
	Bytes      int64 // of the result
	MS         int64 // milliseconds from forwarding to the result
}

// AppendOutcome appends the outcome.
func AppendOutcome(dst []byte, c *Outcome) []byte {
	o := open(dst)
	o.text("decision_id", c.DecisionID)
	o.text("status", string(c.Status))
	o.integer("bytes", c.Bytes)
	o.integer("ms", c.MS)
	return o.close()
}

// ReadOutcome reads an outcome strictly.
func ReadOutcome(src string) (Outcome, error) {
	v, err := ReadValue(src)
	if err != nil {
		return Outcome{}, err
	}
	f := fieldsOf(v, "outcome")
	out := Outcome{DecisionID: f.text("decision_id"), Status: OutcomeStatus(f.text("status")), Bytes: f.integer("bytes"), MS: f.integer("ms")}
	switch out.Status {
	case OutcomeOK, OutcomeError, OutcomeWithheld, OutcomeCancelled:
	default:
		f.wrong("status", "one of ok, error, withheld, cancelled", v.Get("status"))
	}
	if out.DecisionID == "" {
		f.wrong("decision_id", "the decision's id", v.Get("decision_id"))
	}
	return out, f.end("decision_id", "status", "bytes", "ms")
}
