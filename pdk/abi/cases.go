package abi

// Case is one example of what a judge must answer: a module carries its cases in SectionCases, a policy or plugin in
// cases.yaml beside its source, and both are of this shape.
//
//	[{"name":"…","request":{…},"settings":…,"want":{"decision":"…","code":"…","rule":"…","policy":"…","warnings":["…"]}}]
//
// Name, request and want.decision must be there. What want leaves out is not compared.
type Case struct {
	Name     string
	Request  Request
	Settings Value // what the operator would set, or missing
	Want     Want
}

// Want is what a case expects. A judge asked alone may abstain, warn or log, so any decision can be wanted.
type Want struct {
	Decision Decision
	Code     Code     // "": any
	Rule     string   // "": any
	Policy   string   // "": any
	Warnings []string // names of rules that must warn; empty: not compared
}

// AppendCases appends the cases as a list.
func AppendCases(dst []byte, cs []Case) []byte {
	dst = append(dst, '[')
	for i := range cs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendCase(dst, &cs[i])
	}
	return append(dst, ']')
}

func appendCase(dst []byte, c *Case) []byte {
	o := open(dst)
	o.text("name", c.Name)
	o.name("request")
	o.dst = AppendRequest(o.dst, &c.Request)
	if c.Settings.Exists() {
		o.name("settings")
		o.dst = AppendJSON(o.dst, c.Settings)
	}
	o.name("want")
	w := open(o.dst)
	w.text("decision", c.Want.Decision.String())
	w.optional("code", string(c.Want.Code))
	w.optional("rule", c.Want.Rule)
	w.optional("policy", c.Want.Policy)
	w.optionalTexts("warnings", c.Want.Warnings)
	o.dst = w.close()
	return o.close()
}

// ReadCases reads a list of cases strictly: a misspelt member, in the request's own parts too, would make a case that
// tests less than it says. Two cases of one name are an error.
func ReadCases(src string) ([]Case, error) {
	return readCases(src, CaseOf, func(c *Case) string { return c.Name })
}

// readCases reads a list of cases of any kind, whose names must differ.
func readCases[C any](src string, of func(Value) (C, error), name func(*C) string) ([]C, error) {
	v, err := ReadValue(src)
	if err != nil {
		return nil, err
	}
	if v.kind != List {
		return nil, &ShapeError{Member: "cases", Want: "a list", Got: v.kind}
	}
	out := make([]C, len(v.items))
	names := make(map[string]struct{}, len(v.items))
	for i := range v.items {
		if out[i], err = of(v.items[i].Value); err != nil {
			return nil, err
		}
		if _, twice := names[name(&out[i])]; twice {
			return nil, &ShapeError{Member: "name", Want: "unlike every other case's", Kindred: true}
		}
		names[name(&out[i])] = struct{}{}
	}
	return out, nil
}

// CaseOf takes a case out of an object, as ReadCases does.
func CaseOf(v Value) (Case, error) {
	f := fieldsOf(v, "cases", strict)
	c := Case{Name: f.required("name", "the case's name")}
	request, _ := f.take("request")
	want, _ := f.take("want")
	c.Settings, _ = f.take("settings")
	if err := f.end("name", "request", "settings", "want"); err != nil {
		return Case{}, err
	}
	var err error
	if c.Request, err = RequestOf(request); err != nil {
		return Case{}, err
	}
	if err := onlyParts(request); err != nil {
		return Case{}, err
	}
	if c.Want, err = wantOf(want); err != nil {
		return Case{}, err
	}
	return c, nil
}

func onlyParts(request Value) error {
	var q Request
	for _, m := range request.items {
		if m.Name != "abi" && q.part(m.Name) == nil {
			return &ShapeError{Member: m.Name, Want: "left out: a request has no such part", Kindred: true}
		}
	}
	return nil
}

func wantOf(v Value) (Want, error) {
	f := fieldsOf(v, "want", strict)
	w := Want{
		Decision: f.decision("decision"), Code: Code(f.text("code")), Rule: f.text("rule"), Policy: f.text("policy"),
		Warnings: f.texts("warnings"),
	}
	if err := f.end("decision", "code", "rule", "policy", "warnings"); err != nil {
		return Want{}, err
	}
	return w, nil
}
