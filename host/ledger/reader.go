package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"agentmesh/host/store"
)

// ErrNotFound means that no entry has the ID asked for.
var ErrNotFound = errors.New("no such entry in the ledger")

// Record is an entry that was read.
type Record struct {
	// At is its place.
	At ID
	// Entry has its body in place, also one that stands apart in the journal.
	Entry
	// Raw is the entry as stored, whose hash is in the tree.
	Raw []byte
}

// Filter chooses entries; the zero Filter chooses all, newest first. Set fields must all match, as whole strings.
type Filter struct {
	Kind, Agent, Tool, Decision, Rule string
	// Since and Until bound the time of the entry: Since <= time < Until.
	Since, Until time.Time
	// Limit ends the list after so many entries; 0 is no limit.
	Limit int
	// OldestFirst turns the order round.
	OldestFirst bool
}

// match says whether the filter chooses e.
func (f *Filter) match(e *Entry) bool {
	return (f.Kind == "" || f.Kind == e.Kind) && (f.Agent == "" || f.Agent == e.Agent) &&
		(f.Tool == "" || f.Tool == e.Tool) && (f.Decision == "" || f.Decision == e.Decision) &&
		(f.Rule == "" || f.Rule == e.Rule) && (f.Since.IsZero() || !e.Time.Before(f.Since)) &&
		(f.Until.IsZero() || e.Time.Before(f.Until))
}

// Reader reads all shards of a ledger as one list, also while processes write to them.
type Reader struct {
	dir string
	db  *store.DB
}

// NewReader reads the ledger in dir. index, which may be nil, is the database that the ledgers were opened with: it only
// makes queries faster.
func NewReader(dir string, index *store.DB) *Reader { return &Reader{dir, index} }

// views opens every shard that there is.
func (r *Reader) views() ([]*view, error) {
	var list []*view
	for n := 0; exists(shardDir(r.dir, n)); n++ {
		v, err := openView(r.dir, n)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if list == nil {
		return nil, fmt.Errorf("no ledger in %s", r.dir)
	}
	return list, nil
}

// Records yields the entries that f chooses. Shards are merged by time; within a shard entries keep their order, whatever
// the clock did. An error ends the list.
func (r *Reader) Records(ctx context.Context, f Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if err := r.records(ctx, f, yield); err != nil {
			yield(Record{}, err)
		}
	}
}

func (r *Reader) records(ctx context.Context, f Filter, yield func(Record, error) bool) error {
	views, err := r.views()
	if err != nil {
		return err
	}
	streams := make([]*stream, 0, len(views))
	for _, v := range views {
		streams = append(streams, &stream{view: v, filter: f, candidates: candidates(ctx, r.db, v, f)})
	}
	for n := 0; f.Limit == 0 || n < f.Limit; n++ {
		best, err := pick(ctx, streams, f.OldestFirst)
		if err != nil || best == nil {
			return err
		}
		record := *best.head
		best.head = nil
		if err := best.view.resolve(&record); err != nil {
			return err
		}
		if !yield(record, nil) {
			return nil
		}
	}
	return nil
}

// pick returns the stream whose head comes next, nil when all have ended. Of equal times the lower shard comes first.
func pick(ctx context.Context, streams []*stream, oldest bool) (*stream, error) {
	var best *stream
	for _, s := range streams {
		if err := s.fill(ctx); err != nil {
			return nil, err
		}
		if s.head == nil {
			continue
		}
		if best == nil || oldest && s.head.Time.Before(best.head.Time) || !oldest && s.head.Time.After(best.head.Time) {
			best = s
		}
	}
	return best, nil
}

// stream is the chosen entries of one shard.
type stream struct {
	view       *view
	filter     Filter
	candidates candidateFunc
	head       *Record
}

// candidateFunc gives the next place where an entry may match, -1 at the end.
type candidateFunc func(ctx context.Context) (int64, error)

// fill finds the next entry that matches. Candidates are only hints: each is held against the filter.
func (s *stream) fill(ctx context.Context) error {
	for n := 0; s.head == nil; n++ {
		if n%tileWidth == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		index, err := s.candidates(ctx)
		if err != nil || index < 0 {
			return err
		}
		record, err := s.view.record(index)
		if err != nil {
			return err
		}
		if s.filter.match(&record.Entry) {
			s.head = &record
		}
	}
	return nil
}

// scan gives every place from lo to hi, or back.
func scan(lo, hi int64, oldest bool) candidateFunc {
	return func(context.Context) (int64, error) {
		if lo >= hi {
			return -1, nil
		}
		if oldest {
			lo++
			return lo - 1, nil
		}
		hi--
		return hi, nil
	}
}

// Show returns one entry by its place ("0/17") or by its ID.
func (r *Reader) Show(ctx context.Context, id string) (Record, error) {
	views, err := r.views()
	if err != nil {
		return Record{}, err
	}
	if place, err := ParseID(id); err == nil {
		if place.Shard >= len(views) || place.Index >= views[place.Shard].size() {
			return Record{}, fmt.Errorf("%w: %s", ErrNotFound, id)
		}
		v := views[place.Shard]
		record, err := v.record(place.Index)
		if err == nil {
			err = v.resolve(&record)
		}
		return record, err
	}
	for _, v := range views {
		record, err := findID(ctx, candidatesByID(ctx, r.db, v, id), v, id)
		if err == nil || !errors.Is(err, ErrNotFound) {
			return record, err
		}
	}
	return Record{}, fmt.Errorf("%w: %s", ErrNotFound, id)
}

// findID looks for an entry by its ID, newest first.
func findID(ctx context.Context, next candidateFunc, v *view, id string) (Record, error) {
	for n := 0; ; n++ {
		if n%tileWidth == 0 && ctx.Err() != nil {
			return Record{}, ctx.Err()
		}
		index, err := next(ctx)
		if err != nil {
			return Record{}, err
		}
		if index < 0 {
			return Record{}, ErrNotFound
		}
		record, err := v.record(index)
		if err != nil {
			return Record{}, err
		}
		if record.ID == id {
			return record, v.resolve(&record)
		}
	}
}
