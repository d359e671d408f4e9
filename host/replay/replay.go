package replay

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

const (
	modeAudit     = "audit"
	modeCandidate = "candidate"
)

// Judges gives the set by which the decisions of the set of that digest are made again. The caller releases it; sets are
// asked for once and kept for a while. An error of type *Unavailable is counted, any other ends the replay.
type Judges func(ctx context.Context, digest string) (gate.Set, error)

// Unavailable says why decisions of a set cannot be made again.
type Unavailable struct {
	// Reason is one of the Reason constants, Detail more for people.
	Reason, Detail string
}

// Error gives reason and detail.
func (u *Unavailable) Error() string { return u.Reason + ": " + u.Detail }

// Options say what is replayed; Reader and Judges are required.
type Options struct {
	Reader *ledger.Reader
	// Filter chooses decisions; Kind, Limit and OldestFirst are not heeded.
	Filter ledger.Filter
	// Judges are those that decide anew.
	Judges Judges
	// Candidates are what the report says of the rules that are tried; none: it is an audit.
	Candidates []Candidate
	// Alone says in the report that the candidates decide without the other rules.
	Alone bool
	// Workers decide at the same time; 0: one for each processor.
	Workers int
	// Samples is how many decisions are shown of each kind of change; 0: 20.
	Samples int
	// Progress is told how many entries of how many have been looked at; it may be nil, and is called by one at a time.
	Progress func(done, total int64)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Run replays what the options choose. An error means that there is no report: the ledger cannot be read at all, the
// context ended, or the judges cannot be had for a reason that is no Unavailable.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Reader == nil || o.Judges == nil {
		return nil, errors.New("replay: a ledger and judges are needed")
	}
	o.complete()
	begun := o.Now()
	o.Filter.Kind = ledger.KindDecision
	batches, total, err := o.Reader.Batches(ctx, o.Filter)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &run{options: &o, stop: stop, shelf: newShelf(o.Judges), work: make(chan *ledger.Batch, 2*o.Workers), total: total}
	defer r.shelf.close()
	tallies := r.start(ctx)
	for b := range batches {
		select {
		case r.work <- b:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(r.work)
	r.done.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	report := merge(tallies, &o)
	report.Made, report.Sets = begun.UTC(), len(r.shelf.opened)
	for _, otherwise := range r.shelf.opened {
		if otherwise {
			report.Recompiled++
		}
	}
	report.Seconds = o.Now().Sub(begun).Seconds()
	return report, nil
}

func (o *Options) complete() {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Samples <= 0 {
		o.Samples = 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
}

func (o *Options) mode() string {
	if len(o.Candidates) == 0 {
		return modeAudit
	}
	return modeCandidate
}

// run is one replay under way.
type run struct {
	options *Options
	stop    context.CancelCauseFunc
	shelf   *shelf
	work    chan *ledger.Batch
	done    sync.WaitGroup
	total   int64
	looked  atomic.Int64
	telling sync.Mutex
}

func (r *run) start(ctx context.Context) []*tally {
	tallies := make([]*tally, r.options.Workers)
	for i := range tallies {
		tallies[i] = newTally(r.options)
		r.done.Go(func() {
			w := worker{run: r, tally: tallies[i]}
			defer w.put()
			for b := range r.work {
				if ctx.Err() != nil {
					continue // drains what is waiting
				}
				if err := w.batch(ctx, b); err != nil {
					r.stop(err)
				}
				r.progress(int64(b.Len()))
			}
		})
	}
	return tallies
}

func (r *run) progress(n int64) {
	done := r.looked.Add(n)
	if r.telling.TryLock() {
		r.options.Progress(done, r.total)
		r.telling.Unlock()
	}
}

// worker decides batches.
type worker struct {
	run       *run
	tally     *tally
	decoder   gate.Decoder
	redecider gate.Redecider
	text      []byte
	volume    *volume // the set in hand
}

func (w *worker) batch(ctx context.Context, b *ledger.Batch) error {
	for record, err := range b.Records() {
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case err != nil && record.Kind != "":
			w.tally.entry(&record)
			w.tally.not(&record, ReasonBodyLost, "")
		case err != nil:
			w.tally.not(&record, ReasonUnreadable, err.Error())
		default:
			w.tally.entry(&record)
			if err := w.record(ctx, &record); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *worker) record(ctx context.Context, record *ledger.Record) error {
	recorded, err := w.decoder.Decode(&record.Entry)
	if err != nil {
		w.tally.not(record, ReasonUnreadable, err.Error())
		return nil
	}
	w.tally.enforced(recorded.Verdict.Enforced)
	if gate.Standing(&recorded.Verdict) {
		w.tally.stands(record, string(recorded.Verdict.Code))
		return nil
	}
	set, err := w.set(ctx, recorded.Verdict.Set)
	var u *Unavailable
	switch {
	case errors.As(err, &u):
		w.tally.not(record, u.Reason, u.Detail)
		return nil
	case err != nil:
		return err
	}
	again := w.redecider.Decide(ctx, set, recorded)
	switch {
	case ctx.Err() != nil:
		return nil // judges that were interrupted have not decided
	case again.Unreplayable != "":
		w.tally.not(record, string(again.Unreplayable), again.Judge)
		return nil
	}
	w.text = abi.AppendVerdict(w.text[:0], &again.Verdict)
	w.tally.decided(record, recorded, &again, string(w.text) == string(recorded.Text))
	return nil
}

// set is the set for decisions of that digest; entries that stand together mostly have the same.
func (w *worker) set(ctx context.Context, digest string) (gate.Set, error) {
	if w.volume == nil || w.volume.digest != digest {
		w.put()
		w.volume = w.run.shelf.take(ctx, digest)
	}
	return w.volume.set, w.volume.err
}

func (w *worker) put() {
	if w.volume != nil {
		w.run.shelf.put(w.volume)
		w.volume = nil
	}
}
