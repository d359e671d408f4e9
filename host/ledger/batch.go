package ledger

import (
	"context"
	"fmt"
	"iter"
)

// Batch is up to 256 entries of one shard that stand together, not read yet. Different batches may be read by different
// goroutines: that is what they are for, where millions of entries are looked at and their order does not matter.
type Batch struct {
	dir    string
	shard  int
	first  int64
	count  int
	tail   [][]byte // where no bundle holds them yet
	filter *Filter
}

// Batches cuts every shard into batches, the oldest first, one shard after the other; records of them are those that f
// chooses. total is how many entries there are before the choice. The filter's Limit and OldestFirst are not heeded.
func (r *Reader) Batches(ctx context.Context, f Filter) (batches iter.Seq[*Batch], total int64, err error) {
	views, err := r.views()
	if err != nil {
		return nil, 0, err
	}
	for _, v := range views {
		total += v.size()
	}
	return func(yield func(*Batch) bool) {
		for _, v := range views {
			for first := int64(0); first < v.size(); {
				b := v.batch(first)
				b.filter = &f
				if ctx.Err() != nil || !yield(b) {
					return
				}
				first += int64(b.count)
			}
		}
	}, total, nil
}

// batch is the batch that begins with an entry: the rest of its bundle, or the tail.
func (v *view) batch(first int64) *Batch {
	b := &Batch{dir: v.dir, shard: v.shard, first: first}
	if first < v.published {
		b.count = int(min(tileWidth-first%tileWidth, v.published-first))
		return b
	}
	rest := v.tail[first-v.published:]
	b.count = min(tileWidth, len(rest))
	b.tail = rest[:b.count]
	return b
}

// Len is how many entries there are before the choice.
func (b *Batch) Len() int { return b.count }

// Records yields the chosen entries in their order. An entry that cannot be decoded comes with an error and its place, one
// whose body is lost with all but that, and those after it follow; a bundle that cannot be read is one error for all of it. Body is not
// checked to be JSON. Body and Raw are good as long as anybody holds them.
func (b *Batch) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		stored := b.tail
		if stored == nil {
			var err error
			if stored, err = b.read(); err != nil {
				yield(Record{At: ID{b.shard, b.first}}, err)
				return
			}
		}
		for i, raw := range stored {
			if !b.filter.may(raw) {
				continue
			}
			record, err := b.record(b.first+int64(i), raw)
			if err == nil && !b.filter.match(&record.Entry) {
				continue
			}
			if err == nil {
				err = b.resolve(&record)
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

func (b *Batch) read() ([][]byte, error) {
	start := b.first % tileWidth
	stored, err := readBundle(b.dir, b.first/tileWidth, int(start)+b.count)
	if err != nil {
		return nil, fmt.Errorf("ledger shard %d: %w", b.shard, err)
	}
	return stored[start:], nil
}

func (b *Batch) record(index int64, raw []byte) (Record, error) {
	r := Record{At: ID{b.shard, index}, Raw: raw}
	e, err := decodeEntry(raw, unchecked)
	if err != nil {
		return r, fmt.Errorf("ledger entry %v: %w", r.At, err)
	}
	r.Entry = e
	return r, nil
}

// unchecked leaves a body to whoever reads it: it is the largest part of an entry, and read once is enough.
func unchecked([]byte) bool { return true }

func (b *Batch) resolve(r *Record) error {
	if _, _, apart := reference(r.Body); !apart {
		return nil
	}
	v := view{dir: b.dir, shard: b.shard}
	return v.resolve(r)
}

// may says whether the filter can choose an entry, by what its first bytes say: kind and time stand there in a fixed form.
// What does not look so is for DecodeEntry to refuse.
func (f *Filter) may(raw []byte) bool {
	const start, between = `{"v":1,"kind":"`, `","time":"`
	s := raw[:min(len(raw), 128)]
	if len(s) < len(start) || string(s[:len(start)]) != start {
		return true
	}
	s = s[len(start):]
	end := 0
	for end < len(s) && s[end] != '"' && s[end] != '\\' {
		end++
	}
	if len(s) < end+len(between)+len(TimeFormat) || string(s[end:end+len(between)]) != between {
		return true
	}
	at := s[end+len(between):][:len(TimeFormat)]
	return (f.Kind == "" || f.Kind == string(s[:end])) && f.mayTime(at)
}

// mayTime compares times as text, which sorts as they do; years beyond four digits are left to match.
func (f *Filter) mayTime(at []byte) bool {
	var room [32]byte
	if !f.Since.IsZero() && string(at) < string(appendTime(room[:0], f.Since)) && f.Since.Year() < 10_000 {
		return false
	}
	return f.Until.IsZero() || f.Until.Year() > 9999 || string(at) <= string(appendTime(room[:0], f.Until))
}
