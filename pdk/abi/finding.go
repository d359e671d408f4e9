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

// AppendObligation appends the obligation; members that its kind has no use for are left out.
func AppendObligation(dst []byte, b *Obligation) []byte {
	o := open(dst)
	o.text("kind", string(b.Kind))
	o.text("rule", b.Rule)
	switch b.Kind {
	case ObligationLimit:
		o.text("limit", b.Limit)
	case ObligationApproval:
		o.optionalTexts("approvers", b.Approvers)
	case ObligationRedact:
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

func readObligations(items []Member, how reading) ([]Obligation, error) {
	if len(items) == 0 {
		return nil, nil
	}
	out := make([]Obligation, len(items))
	for i := range items {
		if err := out[i].read(items[i].Value, how); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// read takes what the kind has a use for: a limit without its number, or paths that nobody will redact, are a judge's
// mistake and no obligation.
func (b *Obligation) read(v Value, how reading) error {
	f := fieldsOf(v, "obligations", how)
	b.Kind, b.Rule = ObligationKind(f.required("kind", "one of limit, approval, redact")), f.required("rule", "the rule's name")
	switch b.Kind {
	case ObligationLimit:
		b.Limit = f.required("limit", `a limit like "100/hour"`)
		return f.end("kind", "rule", "limit")
	case ObligationApproval:
		b.Approvers = f.texts("approvers")
		return f.end("kind", "rule", "approvers")
	case ObligationRedact:
		b.Paths = f.texts("paths")
		f.paths(b.Paths)
		return f.end("kind", "rule", "paths")
	default:
		f.refuse("kind", "one of limit, approval, redact")
		return f.end()
	}
}

// paths checks that each path leads into a request: one that cannot be read would redact nothing.
func (f *fields) paths(paths []string) {
	var q Request
	for _, s := range paths {
		p, err := ParsePath(s)
		if err != nil || q.part(p[0].Name) == nil {
			f.refuse("paths", "paths into the request")
		}
	}
	if len(paths) == 0 {
		f.wrong("paths", "a list of paths", Value{})
	}
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
// decision that a guest cannot give, and an answer without its list of findings. An empty list abstains.
func ReadFindings(src string) ([]Finding, error) {
	v, err := ReadValue(src)
	if err != nil {
		return nil, err
	}
	return FindingsOf(nil, v)
}

// FindingsOf appends the findings of an answer, read as ReadFindings does, to fs. Given room it allocates only for
// obligations. On an error it returns none.
func FindingsOf(fs []Finding, v Value) ([]Finding, error) {
	f := fieldsOf(v, "answer", strict)
	f.version()
	items, ok := f.take("findings")
	if !ok || items.kind != List {
		f.wrong("findings", "a list", items)
	}
	if err := f.end("abi", "findings"); err != nil {
		return nil, err
	}
	for i := range items.items {
		one, err := readFinding(items.items[i].Value)
		if err != nil {
			return nil, err
		}
		fs = append(fs, one)
	}
	return fs, nil
}

func readFinding(v Value) (Finding, error) {
	f := fieldsOf(v, "findings", strict)
	out := Finding{
		Decision: f.decision("decision"), Rule: f.required("rule", "the rule's name"), Reason: f.text("reason"),
		Priority: f.integer("priority"),
	}
	if out.Decision == Abstain {
		f.refuse("decision", "one of allow, deny, require_approval, warn, log")
	}
	obligations := f.list("obligations")
	err := f.end("decision", "rule", "reason", "priority", "obligations")
	if err != nil {
		return Finding{}, err
	}
	if out.Obligations, err = readObligations(obligations, strict); err != nil {
		return Finding{}, err
	}
	return out, nil
}
