package abi

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
	return outcomeOf(v, strict)
}

func outcomeOf(v Value, how reading) (Outcome, error) {
	f := fieldsOf(v, "outcome", how)
	out := Outcome{
		DecisionID: f.required("decision_id", "the decision's id"), Status: OutcomeStatus(f.required("status", "one of ok, error, withheld, cancelled")),
		Bytes: f.count("bytes"), MS: f.count("ms"),
	}
	switch out.Status {
	case OutcomeOK, OutcomeError, OutcomeWithheld, OutcomeCancelled:
	default:
		f.refuse("status", "one of ok, error, withheld, cancelled")
	}
	if err := f.end("decision_id", "status", "bytes", "ms"); err != nil {
		return Outcome{}, err
	}
	return out, nil
}

// ScoreRequest is what a reward plugin's export `score` is given: who acted, what was decided, what came of it.
type ScoreRequest struct {
	Agent   Value // the request's agent, an object
	Verdict Verdict
	Outcome Outcome
}

// AppendScoreRequest appends the message.
func AppendScoreRequest(dst []byte, q *ScoreRequest) []byte {
	o := open(dst)
	o.integer("abi", Version)
	o.name("agent")
	o.dst = appendShaped(o.dst, q.Agent.items, requestShapes()[0].members)
	o.name("verdict")
	o.dst = AppendVerdict(o.dst, &q.Verdict)
	o.name("outcome")
	o.dst = AppendOutcome(o.dst, &q.Outcome)
	return o.close()
}

// ReadScoreRequest reads the message as a guest does: members it does not know are ignored, at every level.
func ReadScoreRequest(src string) (ScoreRequest, error) {
	v, err := ReadValue(src)
	if err != nil {
		return ScoreRequest{}, err
	}
	return ScoreRequestOf(v)
}

// ScoreRequestOf takes the message out of an object, as ReadScoreRequest does. It allocates only for what lists the
// verdict holds.
func ScoreRequestOf(v Value) (ScoreRequest, error) {
	f := fieldsOf(v, "score request", lenient)
	f.version()
	var (
		q   ScoreRequest
		err error
	)
	q.Agent, _ = f.take("agent")
	if q.Agent.kind != Object {
		f.wrong("agent", "an object", q.Agent)
	}
	if err := f.end(); err != nil {
		return ScoreRequest{}, err
	}
	if q.Verdict, err = verdictOf(v.Get("verdict"), lenient); err != nil {
		return ScoreRequest{}, err
	}
	if q.Outcome, err = outcomeOf(v.Get("outcome"), lenient); err != nil {
		return ScoreRequest{}, err
	}
	return q, nil
}

// Score is a reward plugin's answer: by how much the agent's trust score (0-1000) changes, and why. The host clamps it.
type Score struct {
	Delta   int64
	Reasons []string
}

// AppendScore appends the answer.
func AppendScore(dst []byte, s *Score) []byte {
	o := open(dst)
	o.integer("delta", s.Delta)
	o.texts("reasons", s.Reasons)
	return o.close()
}

// ReadScore reads a guest's answer strictly; both members must be there, and a delta lies within -1000 and 1000.
func ReadScore(src string) (Score, error) {
	v, err := ReadValue(src)
	if err != nil {
		return Score{}, err
	}
	f := fieldsOf(v, "score", strict)
	delta, _ := f.take("delta")
	reasons, ok := f.take("reasons")
	n, whole := delta.Int()
	switch {
	case !whole:
		f.wrong("delta", "an integer from -1000 to 1000", delta)
	case n < -1000 || n > 1000:
		f.refuse("delta", "an integer from -1000 to 1000")
	case !ok:
		f.wrong("reasons", "a list of strings", reasons)
	}
	out := Score{Delta: n, Reasons: f.textsOf("reasons", f.listOf("reasons", reasons))}
	if err := f.end("delta", "reasons"); err != nil {
		return Score{}, err
	}
	return out, nil
}
