package pdk

import "agentmesh/pdk/abi"

// ScoreRequest is who acted, what was decided, and what came of it.
type ScoreRequest struct {
	Agent   Value // as in a request
	Verdict Value // the whole verdict; abi.Verdict says which members it has
	Outcome Value // the whole outcome; abi.Outcome says which members it has

	// Decision is the verdict's: allow, deny or require_approval.
	Decision abi.Decision
	// Code is the verdict's.
	Code abi.Code
	// Status is the outcome's.
	Status abi.OutcomeStatus

	// Settings are the operator's, an object, or missing.
	Settings Value
}

// take takes the message out of an object as a guest does: members it does not know are ignored.
func (q *ScoreRequest) take(v, settings Value) error {
	*q = ScoreRequest{Agent: v.Get("agent"), Verdict: v.Get("verdict"), Outcome: v.Get("outcome"), Settings: settings}
	if err := version(v.Get("abi")); err != nil {
		return err
	}
	if q.Agent.Kind() != abi.Object {
		return &abi.ShapeError{Member: "agent", Want: "an object", Got: q.Agent.Kind()}
	}
	decision := q.Verdict.Get("decision")
	d, ok := abi.ParseDecision(decision.Text())
	if !ok || !d.Deciding() {
		return &abi.ShapeError{Member: "decision", Want: "one of allow, deny, require_approval", Got: decision.Kind(), Kindred: decision.Kind() == abi.String}
	}
	status := q.Outcome.Get("status")
	q.Decision, q.Code, q.Status = d, abi.Code(q.Verdict.Get("code").Text()), abi.OutcomeStatus(status.Text())
	switch q.Status {
	case abi.OutcomeOK, abi.OutcomeError, abi.OutcomeWithheld, abi.OutcomeCancelled:
		return nil
	default:
		return &abi.ShapeError{Member: "status", Want: "one of ok, error, withheld, cancelled", Got: status.Kind(), Kindred: status.Kind() == abi.String}
	}
}

// Score collects what a reward plugin answers: by how much the agent's trust score (0-1000) changes, and why.
type Score struct{ score abi.Score }

func newScore() Score { return Score{abi.Score{Reasons: make([]string, 0, roomList)}} }

// Add adds delta to the change, for the reason given. The sum of a call must lie within -1000 and 1000.
func (s *Score) Add(delta int64, reason string) {
	s.score.Delta += delta
	s.score.Reasons = append(s.score.Reasons, reason)
}

// RewardPlugin is a plugin of kind reward. It is not safe for concurrent use.
type RewardPlugin struct {
	guest     guest
	configure func(Value) error
	reward    func(*ScoreRequest, *Score)
	request   ScoreRequest
	score     Score
}

// Reward is a plugin that scores as reward does.
func Reward(reward func(*ScoreRequest, *Score)) *RewardPlugin {
	return &RewardPlugin{guest: newGuest(), configure: noSettings, reward: reward, score: newScore()}
}

// RewardWith is a plugin that scores as reward does, which is given what configure made of the settings. These are an
// object, or missing where the operator set none.
func RewardWith[S any](configure func(settings Value) (S, error), reward func(S, *ScoreRequest, *Score)) *RewardPlugin {
	var s S
	return &RewardPlugin{
		guest: newGuest(),
		score: newScore(),
		configure: func(v Value) (err error) {
			s, err = configure(v)
			return err
		},
		reward: func(q *ScoreRequest, to *Score) { reward(s, q, to) },
	}
}

// Score is the body of the export of that name.
func (p *RewardPlugin) Score() int32 {
	v, err := p.guest.begin(p.configure)
	if err == nil {
		err = p.request.take(v, p.guest.settings)
	}
	if err != nil {
		return p.guest.fail(err)
	}
	p.score.score.Delta, p.score.score.Reasons = 0, p.score.score.Reasons[:0]
	p.reward(&p.request, &p.score)
	p.guest.out = abi.AppendScore(p.guest.out[:0], &p.score.score)
	return p.guest.end()
}
