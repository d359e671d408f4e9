package gate

import "agentmesh/pdk/abi"

// difference is that two versions of one judge did not agree.
type difference struct {
	name                string
	monitored, deciding opinion
}

// opinion is what one of them came to, before limits were counted: those of monitored judges count apart, so that a limit
// that is used up on one side alone says nothing of the rules.
type opinion struct {
	version  string
	decision abi.Decision
	rule     string
}

func opinionOf(j *abi.Judged) opinion { return opinion{j.Version, j.Decision, j.Rule} }

// compare notes where monitored judges did not agree with the deciding one of the same name. Judges are sorted by name, so
// that versions of one name are neighbours.
func (w *work) compare(judges []abi.Judged) {
	for i := 1; i < len(judges); i++ {
		if judges[i].Name != judges[i-1].Name {
			continue
		}
		from := i - 1
		for i+1 < len(judges) && judges[i+1].Name == judges[from].Name {
			i++
		}
		w.compareVersions(judges[from : i+1])
	}
}

func (w *work) compareVersions(judges []abi.Judged) {
	for i := range judges {
		for j := range judges {
			a, b := &judges[i], &judges[j]
			if a.Monitored && !b.Monitored && (a.Decision != b.Decision || a.Rule != b.Rule) {
				w.differ = append(w.differ, difference{a.Name, opinionOf(a), opinionOf(b)})
			}
		}
	}
}

// appendDifferences appends ,"differences":[{name,version,decision,rule,"against":{version,decision,rule}}] where there are any:
// the first is the monitored judge's, the other that of the version which decided.
func appendDifferences(dst []byte, differ []difference) []byte {
	for i := range differ {
		d := &differ[i]
		if i == 0 {
			dst = append(dst, `,"differences":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":`...)
		dst = append(abi.AppendString(dst, d.name), ',')
		dst = append(d.monitored.append(dst), `,"against":{`...)
		dst = append(d.deciding.append(dst), `}}`...)
	}
	if len(differ) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

func (o *opinion) append(dst []byte) []byte {
	dst = append(dst, `"version":`...)
	dst = abi.AppendString(dst, o.version)
	dst = append(dst, `,"decision":`...)
	dst = abi.AppendString(dst, o.decision.String())
	dst = append(dst, `,"rule":`...)
	return abi.AppendString(dst, o.rule)
}

// observe tells the observer of a decision that was recorded. What goes wrong with it changes no verdict.
func (g *Gate) observe(w *work, v *abi.Verdict) {
	o := g.options.Observer
	if o == nil || v.Code == abi.CodeLedgerFailed || len(v.Judges) != len(w.answers) {
		return
	}
	defer func() { recover() }()
	for i := range v.Judges {
		var code abi.Code
		if f := w.answers[i].Failure; f != nil {
			code = f.Code
		}
		o.Judged(&v.Judges[i], code)
	}
	for i := range w.differ {
		d := &w.differ[i]
		o.Differed(d.name, d.monitored.version, d.deciding.version)
	}
}
