package abi

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
func VerdictOf(v Value) (Verdict, error) { return verdictOf(v, strict) }

func verdictOf(v Value, how reading) (Verdict, error) {
	f := fieldsOf(v, "verdict", how)
	out := Verdict{
		Decision: f.decision("decision"), Code: Code(f.text("code")), Rule: f.text("rule"), Policy: f.text("policy"),
		Reason: f.text("reason"), Warnings: f.texts("warnings"), RetryAfter: f.count("retry_after"),
		Set: f.text("set"), ID: f.text("id"), Enforced: f.boolean("enforced"),
	}
	if !out.Decision.Deciding() {
		f.refuse("decision", "one of allow, deny, require_approval")
	}
	judges, obligations := f.list("judges"), f.list("obligations")
	err := f.end("decision", "code", "rule", "policy", "reason", "warnings", "judges", "obligations", "retry_after", "set", "id", "enforced")
	if err != nil {
		return Verdict{}, err
	}
	if out.Judges, err = readJudges(judges, how); err != nil {
		return Verdict{}, err
	}
	if out.Obligations, err = readObligations(obligations, how); err != nil {
		return Verdict{}, err
	}
	return out, nil
}

func readJudges(items []Member, how reading) ([]Judged, error) {
	if len(items) == 0 {
		return nil, nil
	}
	out := make([]Judged, len(items))
	for i := range items {
		f := fieldsOf(items[i].Value, "judges", how)
		out[i] = Judged{
			Name: f.required("name", "the judge's name"), Version: f.text("version"), Digest: f.text("digest"),
			SettingsDigest: f.text("settings_digest"), Decision: f.decision("decision"), Rule: f.text("rule"),
			Fuel: f.count("fuel"), Monitored: f.boolean("monitored"),
		}
		err := f.end("name", "version", "digest", "settings_digest", "decision", "rule", "fuel", "monitored")
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
