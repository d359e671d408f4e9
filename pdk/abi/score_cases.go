package abi

import "strconv"

// ScoreCase is one example of what a reward plugin must answer. It has a Case's shape with a score request for the
// request and a score for what is wanted:
//
//	[{"name":"…","request":{"agent":{…},"verdict":{…},"outcome":{…}},"settings":…,"want":{"delta":18,"reasons":["…"]}}]
//
// Name, request and want.delta must be there; reasons left out are not compared.
type ScoreCase struct {
	Name     string
	Request  ScoreRequest
	Settings Value // what the operator would set, or missing
	Want     WantScore
}

// WantScore is what a case expects of a score.
type WantScore struct {
	Delta   int64
	Reasons []string // compared in order; empty: not compared
}

// AppendScoreCases appends the cases as a list.
func AppendScoreCases(dst []byte, cs []ScoreCase) []byte {
	dst = append(dst, '[')
	for i := range cs {
		if i > 0 {
			dst = append(dst, ',')
		}
		o := open(dst)
		o.text("name", cs[i].Name)
		o.name("request")
		o.dst = AppendScoreRequest(o.dst, &cs[i].Request)
		if cs[i].Settings.Exists() {
			o.name("settings")
			o.dst = AppendJSON(o.dst, cs[i].Settings)
		}
		o.name("want")
		w := open(o.dst)
		w.integer("delta", cs[i].Want.Delta)
		w.optionalTexts("reasons", cs[i].Want.Reasons)
		o.dst = w.close()
		dst = o.close()
	}
	return append(dst, ']')
}

// ReadScoreCases reads a list of cases of a reward plugin as strictly as ReadCases: a misspelt member of a verdict or an
// outcome would make a case that tests less than it says. A request may leave out "abi".
func ReadScoreCases(src string) ([]ScoreCase, error) {
	return readCases(src, scoreCaseOf, func(c *ScoreCase) string { return c.Name })
}

func scoreCaseOf(v Value) (ScoreCase, error) {
	f := fieldsOf(v, "cases", strict)
	c := ScoreCase{Name: f.required("name", "the case's name")}
	request, _ := f.take("request")
	want, _ := f.take("want")
	c.Settings, _ = f.take("settings")
	err := f.end("name", "request", "settings", "want")
	if err != nil {
		return ScoreCase{}, err
	}
	if c.Request, err = strictScoreRequest(request); err != nil {
		return ScoreCase{}, err
	}
	if c.Want, err = wantScoreOf(want); err != nil {
		return ScoreCase{}, err
	}
	return c, nil
}

func strictScoreRequest(v Value) (ScoreRequest, error) {
	f := fieldsOf(v, "request", strict)
	if n, ok := f.take("abi"); ok && !n.Equal(IntValue(Version)) {
		f.wrong("abi", strconv.Itoa(Version), n)
	}
	var q ScoreRequest
	q.Agent, _ = f.take("agent")
	if q.Agent.kind != Object {
		f.wrong("agent", "an object", q.Agent)
	}
	verdict, _ := f.take("verdict")
	outcome, _ := f.take("outcome")
	err := f.end("abi", "agent", "verdict", "outcome")
	if err != nil {
		return ScoreRequest{}, err
	}
	if q.Verdict, err = verdictOf(verdict, strict); err != nil {
		return ScoreRequest{}, err
	}
	if q.Outcome, err = outcomeOf(outcome, strict); err != nil {
		return ScoreRequest{}, err
	}
	return q, nil
}

func wantScoreOf(v Value) (WantScore, error) {
	f := fieldsOf(v, "want", strict)
	delta, _ := f.take("delta")
	n, whole := delta.Int()
	if !whole {
		f.wrong("delta", "an integer", delta)
	}
	w := WantScore{Delta: n, Reasons: f.texts("reasons")}
	if err := f.end("delta", "reasons"); err != nil {
		return WantScore{}, err
	}
	return w, nil
}

// Differences says, one line each, where a score is not what the case wants; none means that the case passes.
func (w *WantScore) Differences(s *Score) []string {
	var out []string
	if w.Delta != s.Delta {
		out = append(out, "delta: want "+strconv.FormatInt(w.Delta, 10)+", got "+strconv.FormatInt(s.Delta, 10))
	}
	if len(w.Reasons) == 0 {
		return out
	}
	want, got := string(AppendJSON(nil, StringsValue(w.Reasons))), string(AppendJSON(nil, StringsValue(s.Reasons)))
	if want != got {
		out = append(out, "reasons: want "+want+", got "+got)
	}
	return out
}
