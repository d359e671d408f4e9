package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"
)

// tailPause is how often Tail looks for what is new.
const tailPause = 200 * time.Millisecond

// Tail hands over what f chooses as it is appended, in any shard, until ctx ends or yield returns an error; it then returns
// that error, or nil when ctx ended. f.Limit is how many entries from before it begins with (0 for none).
func (r *Reader) Tail(ctx context.Context, f Filter, yield func(Record) error) error {
	t := tailer{reader: r, filter: f, yield: yield}
	defer t.close()
	if err := t.begin(ctx); err != nil {
		return endTail(ctx, err)
	}
	tick := time.NewTicker(tailPause)
	defer tick.Stop()
	for {
		if err := t.look(); err != nil {
			return endTail(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func endTail(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

type tailer struct {
	reader *Reader
	filter Filter
	yield  func(Record) error
	shards []*cursor // stand after what was seen
}

func (t *tailer) close() {
	for _, c := range t.shards {
		c.close()
	}
}

// begin sets the cursors to the end and shows the last entries before it.
func (t *tailer) begin(ctx context.Context) error {
	views, err := t.reader.views()
	if err != nil {
		return err
	}
	for _, v := range views {
		t.follow(v.shard, v.size())
	}
	if t.filter.Limit == 0 {
		return nil
	}
	f := t.filter
	f.OldestFirst = false
	var last []Record
	for record, err := range t.reader.Records(ctx, f) {
		if err != nil {
			return err
		}
		if record.At.Shard < len(t.shards) && record.At.Index < t.shards[record.At.Shard].next {
			last = append(last, record)
		}
	}
	for i := len(last) - 1; i >= 0; i-- {
		if err := t.yield(last[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tailer) follow(shard int, next int64) {
	journal := filepath.Join(shardDir(t.reader.dir, shard), journalDir)
	t.shards = append(t.shards, &cursor{journal: journal, next: next})
}

// look hands over what every shard has that is new; a shard that is new is followed from its first entry.
func (t *tailer) look() error {
	for exists(shardDir(t.reader.dir, len(t.shards))) {
		t.follow(len(t.shards), 0)
	}
	for shard, c := range t.shards {
		if err := t.lookInto(shard, c); err != nil {
			return fmt.Errorf("follow shard %d: %w", shard, err)
		}
	}
	return nil
}

func (t *tailer) lookInto(shard int, c *cursor) error {
	next := c.next
	if c.file == nil {
		err := c.seek(next)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.EOF) {
			c.close()
			c.next = next // not there yet
			return t.missed(shard, c)
		}
		if err != nil {
			return err
		}
	}
	for {
		_, entry, err := c.entry()
		if err != nil { // nothing new, or the writer is in the middle of it
			return t.behind(c)
		}
		e, err := DecodeEntry(append([]byte(nil), entry...))
		if err != nil {
			return err
		}
		if err := t.give(Record{At: ID{shard, c.next - 1}, Entry: e, Raw: append([]byte(nil), entry...)}); err != nil {
			return err
		}
	}
}

// behind makes the next look begin anew when entries were published that the cursor cannot reach: their segment is gone.
func (t *tailer) behind(c *cursor) error {
	signed, err := readUnchecked(filepath.Dir(c.journal))
	if err == nil && signed.Size > c.next {
		c.close()
	}
	return err
}

// missed takes entries from the bundles when the journal dropped them before they were looked at.
func (t *tailer) missed(shard int, c *cursor) error {
	v, err := openView(t.reader.dir, shard)
	if err != nil {
		return err
	}
	for ; c.next < v.published; c.next++ {
		record, err := v.record(c.next)
		if err != nil {
			return err
		}
		if err := t.give(record); err != nil {
			return err
		}
	}
	return nil
}

func (t *tailer) give(record Record) error {
	if !t.filter.match(&record.Entry) {
		return nil
	}
	v := view{dir: shardDir(t.reader.dir, record.At.Shard)}
	if err := v.resolve(&record); err != nil {
		return err
	}
	return t.yield(record)
}
