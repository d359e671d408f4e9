package pdk

// PolicyPlugin is a plugin of kind policy. It is not safe for concurrent use.
type PolicyPlugin struct {
	guest     guest
	configure func(Value) error
	decide    func(*Request, *Answer)
	request   Request
	answer    Answer
}

// Policy is a plugin that answers as decide does.
func Policy(decide func(*Request, *Answer)) *PolicyPlugin {
	return &PolicyPlugin{guest: newGuest(), configure: noSettings, decide: decide, answer: newAnswer()}
}

// PolicyWith is a plugin that answers as decide does, which is given what configure made of the settings. These are an
// object, or missing where the operator set none.
func PolicyWith[S any](configure func(settings Value) (S, error), decide func(S, *Request, *Answer)) *PolicyPlugin {
	var s S
	return &PolicyPlugin{
		guest:  newGuest(),
		answer: newAnswer(),
		configure: func(v Value) (err error) {
			s, err = configure(v)
			return err
		},
		decide: func(q *Request, a *Answer) { decide(s, q, a) },
	}
}

func noSettings(Value) error { return nil }

// Evaluate is the body of the export of that name.
func (p *PolicyPlugin) Evaluate() int32 {
	v, err := p.guest.begin(p.configure)
	if err == nil {
		err = p.request.take(v, p.guest.settings)
	}
	if err != nil {
		return p.guest.fail(err)
	}
	p.answer.reset()
	p.decide(&p.request, &p.answer)
	p.guest.out = appendFindings(p.guest.out[:0], p.answer.findings)
	return p.guest.end()
}
