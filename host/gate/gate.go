package gate

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"sync"
	"time"

	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// Ledger is the log that decisions go to.
type Ledger interface {
	// Append returns when the entry is durable. It keeps nothing of e.
	Append(ctx context.Context, e ledger.Entry) (ledger.ID, error)
	// AppendAsync returns at once; the entry becomes durable with those that follow. It keeps nothing of e.
	AppendAsync(e ledger.Entry) error
}

// Options adjust a Gate; the zero value works.
type Options struct {
	// Monitor decides and records, and lets everything pass but what self-protection and a failing ledger deny.
	Monitor bool
	// MaxInput is the size of a request at most, in bytes; 0: abi.DefaultInputBytes.
	MaxInput int64
	// HMAC is the keyed hash, as text, that stands in the ledger for long strings. Nil: one under a key of this process.
	HMAC func(string) string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Entropy is where ids take their random bits; nil: crypto/rand. It is read by one goroutine at a time.
	Entropy io.Reader
	// Observer is told how judges took part in decisions; nil: nobody is.
	Observer Observer
}

// Observer learns how judges do. It is called while a caller waits for its verdict, by many at a time, and keeps nothing of
// what it is given.
type Observer interface {
	// Judged is told how a judge took part in a decision that was recorded: its decision and rule, and the code of its failure,
	// empty where it did not fail.
	Judged(judge *abi.Judged, failure abi.Code)
	// Differed is told that a monitored judge came to another decision, or by another rule, than the version of the same
	// name that decided. Judged is told of both as well, before.
	Differed(name, monitored, deciding string)
}

// Gate decides. It is safe for concurrent use.
type Gate struct {
	judges  Judges
	ledger  Ledger
	limits  Limits
	options Options
	redact  redactor
	breaker breaker
	work    sync.Pool
	entropy struct {
		sync.Mutex
		io.Reader
	}
}

// New makes a gate. All three parts are required.
func New(judges Judges, log Ledger, limits Limits, o Options) (*Gate, error) {
	if judges == nil || log == nil || limits == nil {
		return nil, errors.New("gate: judges, a ledger and limits are needed")
	}
	if o.MaxInput <= 0 {
		o.MaxInput = abi.DefaultInputBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.HMAC == nil {
		o.HMAC = processHMAC()
	}
	g := &Gate{judges: judges, ledger: log, limits: limits, options: o, redact: redactor{o.HMAC}}
	g.entropy.Reader = o.Entropy
	if o.Entropy == nil {
		g.entropy.Reader = rand.Reader
	}
	g.work.New = func() any { return new(work) }
	return g, nil
}

func processHMAC() func(string) string {
	key := make([]byte, 32)
	rand.Read(key) // never fails: crypto/rand ends the process instead
	return func(s string) string {
		h := hmac.New(sha256.New, key)
		io.WriteString(h, s)
		return hex.EncodeToString(h.Sum(nil))
	}
}

// Permits reports whether an action may go on, or a result out, by this verdict: it allows and is recorded, or a gate that
// merely monitors recorded it. The zero Verdict permits nothing, nor does one of Eval, which nobody recorded.
func Permits(v *abi.Verdict) bool {
	return v.ID != "" && (v.Decision == abi.Allow || !v.Enforced)
}

// Decide is the verdict on an action before it is forwarded. It is total: whatever goes wrong is a deny with a code. When
// it returns, the verdict is in the ledger, durable, or it is a deny with code ledger_failed.
func (g *Gate) Decide(ctx context.Context, c *Call) abi.Verdict {
	return g.decide(ctx, c, abi.StagePreTool)
}

// DecideResult is the verdict on an action's result (Request.Result) before it goes out. Silence releases; a deny or a
// failing judge withholds, and says that the action has already happened. It is total and durable as Decide is.
func (g *Gate) DecideResult(ctx context.Context, c *Call) abi.Verdict {
	return g.decide(ctx, c, abi.StagePostTool)
}

func (g *Gate) decide(ctx context.Context, c *Call, stage string) abi.Verdict {
	if c == nil {
		c = &Call{}
	}
	w := g.begin(&c.Request, stage)
	defer g.end(w)
	v := g.verdict(ctx, c, w)
	v.ID = w.id
	v.Enforced = !g.options.Monitor || w.binding
	finish(&v, stage)
	w.decisionID = c.DecisionID
	v = g.record(ctx, w, v)
	g.observe(w, &v)
	return v
}

// work is the memory of one decision, used again by later ones.
type work struct {
	stage      string
	now        time.Time
	id         string
	request    abi.Request
	agent      string
	subject    Subject
	decisionID string
	set        Set
	// binding: no policy decided this, so a monitoring gate enforces it too.
	binding bool
	// hidden keeps the request out of the record: it cannot be judged, or its redactions are not known. Whom and what it was
	// about stays.
	hidden   bool
	chosen   []Judge // the judges that apply
	answers  []Answer
	findings []abi.Finding
	paths    [][]abi.Step
	counters []Counter
	differ   []difference
	body     []byte
	text     []byte
	room     [16]byte
	lost     error // why there is no id
}

func (g *Gate) begin(q *abi.Request, stage string) *work {
	w := g.work.Get().(*work)
	w.stage, w.now, w.request = stage, g.options.Now(), *q
	w.newID(g)
	w.agent, w.subject = agentOf(q), subjectOf(q)
	w.text = appendTime(w.text[:0], w.now)
	w.request.Context = q.Context.With("time", abi.StringValue(string(w.text)))
	if q.Action.Get("stage").Text() != stage {
		w.request.Action = q.Action.With("stage", abi.StringValue(stage))
	}
	if stage == abi.StagePreTool {
		w.request.Result = abi.Value{}
	}
	return w
}

func (w *work) newID(g *Gate) {
	g.entropy.Lock()
	defer g.entropy.Unlock()
	w.text, w.lost = appendID(w.text[:0], w.now, g.entropy.Reader, &w.room)
	w.id = string(w.text)
}

// largeBody is the size from which on a body's memory is not kept for the next decision.
const largeBody = 1 << 20

func (g *Gate) end(w *work) {
	if w.set != nil {
		w.set.Release()
	}
	clear(w.chosen)
	clear(w.answers)
	clear(w.findings)
	clear(w.counters)
	clear(w.paths)
	clear(w.differ)
	body := w.body
	if cap(body) > largeBody {
		body = nil
	}
	*w = work{
		chosen: w.chosen[:0], answers: w.answers[:0], findings: w.findings[:0], counters: w.counters[:0], paths: w.paths[:0],
		differ: w.differ[:0], body: body[:0], text: w.text[:0],
	}
	g.work.Put(w)
}

// verdict decides, without id and record. A panic below it, which is a mistake of ours, denies.
func (g *Gate) verdict(ctx context.Context, c *Call, w *work) (v abi.Verdict) {
	defer func() {
		if p := recover(); p != nil {
			w.hidden = true
			v = w.deny(abi.CodeTrap, "the gate failed: "+panicked(p))
		}
	}()
	if f := check(&w.request, g.options.MaxInput); f != nil {
		w.hidden = true
		return denial(f.Code, f.Detail)
	}
	if w.set = g.judges(); w.set == nil {
		return w.deny(abi.CodeAbsent, "no judges are loaded")
	}
	v = g.judge(ctx, c, w)
	v.Set = w.set.Digest()
	return v
}

// judge decides what is fit to be judged.
func (g *Gate) judge(ctx context.Context, c *Call, w *work) abi.Verdict {
	w.choose()
	switch {
	case w.lost != nil:
		return w.deny(abi.CodeStateFailed, "no random bits for an id: "+w.lost.Error())
	case c.Protected != "":
		return w.deny(abi.CodeSelfProtected, "the action names what protects the mesh itself: "+c.Protected)
	case ctx.Err() != nil:
		return w.deny(abi.CodeCancelled, "the caller went away")
	}
	g.ask(ctx, w)
	v := Combine(w.stage, w.answers)
	w.compare(v.Judges)
	if v.Decision == abi.Allow && w.stage == abi.StagePreTool {
		g.consume(ctx, w, &v)
	}
	if ctx.Err() != nil {
		return w.deny(abi.CodeCancelled, "the caller went away")
	}
	return v
}

func denial(code abi.Code, reason string) abi.Verdict {
	return abi.Verdict{Decision: abi.Deny, Code: code, Reason: reason}
}

// deny is a denial that is enforced in monitor mode too.
func (w *work) deny(code abi.Code, reason string) abi.Verdict {
	w.binding = true
	return denial(code, reason)
}
