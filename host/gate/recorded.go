package gate

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// Recorded is a decision as the ledger holds it: what was asked, what was kept out of the record, what the limits stood at,
// and what was decided.
type Recorded struct {
	// Request is what was judged, with what was redacted in its redacted form. context.time is whole even where a policy
	// kept it out: the entry's own time tells it.
	Request abi.Request
	// Verdict is what was decided; Text the same in its bytes (abi.AppendVerdict).
	Verdict abi.Verdict
	Text    []byte
	// Counters are the limits as they were seen, with Policy, Rule, Limit, Monitored and Used.
	Counters []Counter
	// DecisionID names, for a result, the decision that let the action pass.
	DecisionID string

	hidden  bool
	secrets [][]abi.Step // where something was kept out
}

// Hidden reports whether the whole request was kept out of the record.
func (r *Recorded) Hidden() bool { return r.hidden }

// Redacted reports whether anything was kept out of the record.
func (r *Recorded) Redacted() bool { return r.hidden || len(r.secrets) > 0 }

// Decoder reads decisions back from ledger entries into memory it uses again. The zero Decoder is ready; it is not safe for
// concurrent use.
type Decoder struct {
	reader   abi.Reader
	recorded Recorded
	path     []abi.Step
}

// errNoDecision says that an entry is no decision.
var errNoDecision = errors.New("the entry is no decision")

// Decode reads an entry of kind decision. What it returns is good until the next Decode, and shares the memory of the entry's
// body, which must not change meanwhile. Members of the body that it does
// not know are ignored: they say more of the decision, and do not change it.
func (d *Decoder) Decode(e *ledger.Entry) (*Recorded, error) {
	if e.Kind != ledger.KindDecision {
		return nil, fmt.Errorf("read a recorded decision: %w", errNoDecision)
	}
	body, err := d.reader.Read(unsafe.String(unsafe.SliceData(e.Body), len(e.Body))) // nobody changes what stands in an entry
	if err != nil {
		return nil, fmt.Errorf("read a recorded decision: %w", err)
	}
	r := &d.recorded
	*r = Recorded{Text: r.Text[:0], Counters: r.Counters[:0], secrets: r.secrets[:0]}
	if err := d.parts(body); err != nil {
		return nil, fmt.Errorf("read a recorded decision: %w", err)
	}
	r.hidden = !r.Request.Context.Exists()
	d.find(&r.Request, e.Time)
	return r, nil
}

func (d *Decoder) parts(body abi.Value) (err error) {
	r := &d.recorded
	r.DecisionID = body.Get("decision_id").Text()
	verdict := body.Get("verdict")
	if r.Verdict, err = abi.VerdictOf(verdict); err != nil {
		return err
	}
	r.Text = abi.AppendJSON(r.Text, verdict)
	if r.Request, err = abi.RequestOf(body.Get("request")); err != nil {
		return err
	}
	limits := body.Get("limits")
	for i := range limits.Len() {
		c, err := counterOf(limits.At(i))
		if err != nil {
			return err
		}
		r.Counters = append(r.Counters, c)
	}
	return nil
}

func counterOf(v abi.Value) (Counter, error) {
	used, ok := v.Get("used").Int()
	if !ok {
		return Counter{}, errors.New("a limit without the number that was used")
	}
	c, err := NewCounter(v.Get("policy").Text(), v.Get("rule").Text(), v.Get("limit").Text(), v.Get("monitored").IsTrue())
	c.Used = used
	return c, err
}

// find lists what was kept out, and puts the time back in its place: the entry has it to the microsecond.
func (d *Decoder) find(q *abi.Request, at time.Time) {
	d.path = d.path[:0]
	for i, part := range partsOf(q) {
		if part.Exists() {
			d.path = append(d.path[:0], abi.Step{Name: partNames()[i]})
			d.walk(part)
		}
	}
	if !d.recorded.hidden && q.Context.Get("time").Kind() != abi.String {
		q.Context = q.Context.With("time", abi.StringValue(string(appendTime(nil, at))))
		d.recorded.secrets = deletePath(d.recorded.secrets, "context", "time")
	}
}

func partNames() [7]string {
	return [7]string{"agent", "action", "tool", "data", "resource", "context", "result"}
}

// walk notes the places of redactions in v, which stands at d.path.
func (d *Decoder) walk(v *abi.Value) {
	kind, _, _, items := v.Parts()
	if kind != abi.Object && kind != abi.List {
		return
	}
	if kind == abi.Object && isRedaction(*v) {
		d.note()
		return
	}
	for i := range items {
		step := abi.Step{Name: items[i].Name}
		if kind == abi.List {
			step = abi.Step{Index: i, IsIndex: true}
		}
		d.path = append(d.path, step)
		if strings.HasPrefix(items[i].Name, hiddenName) {
			d.note()
		}
		d.walk(&items[i].Value)
		d.path = d.path[:len(d.path)-1]
	}
}

func (d *Decoder) note() {
	d.recorded.secrets = append(d.recorded.secrets, append([]abi.Step(nil), d.path...))
}

// isRedaction reports whether a value stands for one that was kept out. An argument that was given in that very form cannot
// be told from it, and counts as one.
func isRedaction(v abi.Value) bool {
	if v.Kind() != abi.Object {
		return false
	}
	switch items := v.Items(); {
	case len(items) == 1:
		return items[0].Name == memberRedacted
	case len(items) == 2:
		return items[0].Name == memberHMAC && items[1].Name == memberLen
	default:
		return false
	}
}

func deletePath(paths [][]abi.Step, names ...string) [][]abi.Step {
	out := paths[:0]
	for _, p := range paths {
		if len(p) != len(names) || p[0].Name != names[0] || p[1].Name != names[1] {
			out = append(out, p)
		}
	}
	return out
}
