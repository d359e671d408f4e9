package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"agentmesh/host/store"
)

// Config says where a ledger is and how it is kept.
type Config struct {
	// Dir is the ledger folder, Keys the folder of its keys, both 0700; they are made when they are not there, their
	// parents must be. In a state folder: "ledger" and "keys".
	Dir, Keys string
	// Mode says when Append returns.
	Mode Mode
	// Index is the database for queries; without one they read the log itself, which gives the same answers.
	Index *store.DB
	// Anchors get every checkpoint; see Anchor.
	Anchors []Anchor
	// Report is told what went wrong in the background: tiles, index, anchors. Appends go on. It may be nil.
	Report func(error)
	// Clock gives the time of entries that have none; nil is time.Now.
	Clock func() time.Time
	// About is a JSON value for the opening entry's body, under "about": version, command. Empty leaves it out.
	About []byte

	open    opener        // tests put faults in
	every   time.Duration // between checkpoints
	segment int64         // size of a segment
}

// Ledger is one process's shard, open for writing. It is safe for concurrent use.
type Ledger struct {
	config    Config
	keys      *keyring
	shard     int
	lock      *os.File
	journal   *journal
	publisher *publisher
	index     *index
	anchors   []*anchoring
	moved     chan struct{}
	flushes   chan chan error
	quit      chan struct{}
	done      chan struct{}
	closing   sync.Once
	closeErr  error
	buffers   sync.Pool
}

// checkpointEvery is the least time between checkpoints.
const checkpointEvery = time.Second

// Open takes the lowest free shard of the ledger in c.Dir, sets right what a killed process left behind, and writes the
// opening entry. A shard that is not as it was left gives a *DamageError and is not touched.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	l := &Ledger{
		config: c.withDefaults(), moved: make(chan struct{}, 1), flushes: make(chan chan error),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	l.buffers.New = func() any { return new([]byte) }
	if err := l.open(ctx); err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", c.Dir, err)
	}
	return l, nil
}

func (c Config) withDefaults() Config {
	if c.Report == nil {
		c.Report = func(error) {}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.open == nil {
		c.open = openDisk
	}
	if c.segment <= 0 {
		c.segment = segmentSize
	}
	if c.every <= 0 {
		c.every = checkpointEvery
	}
	return c
}

func (l *Ledger) open(ctx context.Context) (err error) {
	if err := makeDir(l.config.Dir); err != nil {
		return err
	}
	if l.keys, err = openKeys(l.config.Keys); err != nil {
		return err
	}
	if l.shard, l.lock, err = takeShard(l.config.Dir, l.keys); err != nil {
		return err
	}
	r := recovery{dir: shardDir(l.config.Dir, l.shard), shard: l.shard, keys: l.keys}
	if l.journal, l.publisher, err = r.run(l.config); err != nil {
		l.lock.Close()
		return err
	}
	l.journal.moved = l.notice
	l.journal.start()
	if err := l.begin(ctx, r.result); err != nil {
		l.journal.close(l.journal.refuse())
		for _, a := range l.anchors {
			a.close()
		}
		l.lock.Close()
		return err
	}
	go l.follow()
	return nil
}

// begin writes the opening entry. The first of a shard is signed at once, so that none stands without a checkpoint; those
// after it are signed as all entries are, while whoever opens the ledger goes on.
func (l *Ledger) begin(ctx context.Context, r recovered) error {
	if l.config.Index != nil {
		ix, err := newIndex(ctx, l.config.Index, l.config.Dir)
		if err != nil {
			return err
		}
		l.index = ix
	}
	for _, a := range l.config.Anchors {
		l.anchors = append(l.anchors, startAnchoring(a, l.config.Report))
	}
	body, err := l.openingBody(r)
	if err != nil {
		return err
	}
	if _, err := l.Append(ctx, Entry{Kind: KindStart, ID: newEntryID(), Body: body}); err != nil || l.publisher.published.Note != nil {
		return err
	}
	return l.publish(ctx)
}

func newEntryID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// openingBody is {"mode":"sync","pid":1,"shards":[…],"recovered":{"cut":n,"rewritten":[…]},"about":…}.
func (l *Ledger) openingBody(r recovered) ([]byte, error) {
	b := appendString([]byte(`{"mode":`), l.config.Mode.String())
	b = strconv.AppendInt(append(b, `,"pid":`...), int64(os.Getpid()), 10)
	b, err := appendSiblings(append(b, `,"shards":`...), l.config.Dir, l.keys, l.shard)
	if err != nil {
		return nil, err
	}
	if r.cut > 0 || len(r.rewritten) > 0 {
		b = strconv.AppendInt(append(b, `,"recovered":{"cut":`...), r.cut, 10)
		b = append(b, `,"rewritten":[`...)
		for i, path := range r.rewritten {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, path)
		}
		b = append(b, "]}"...)
	}
	if len(l.config.About) > 0 {
		b = append(append(b, `,"about":`...), l.config.About...)
	}
	return append(b, '}'), nil
}

// Append writes an entry and returns its place when it is as durable as the mode promises. When ctx ends first, the error
// is ctx's and the entry may still come to stand in the ledger. A *StoppedError means that nothing is taken any more.
func (l *Ledger) Append(ctx context.Context, e Entry) (ID, error) {
	return l.enqueue(ctx, &e, l.journal.append)
}

// AppendAsync queues an entry and returns: it follows what was appended before, is written with the next entry that
// somebody waits for or within a tenth of a second, and is safe when Close has returned nil. It waits only when 8 MiB are
// queued already.
func (l *Ledger) AppendAsync(e Entry) error {
	_, err := l.enqueue(context.Background(), &e, l.journal.appendLazy)
	return err
}

func (l *Ledger) enqueue(ctx context.Context, e *Entry, add func(context.Context, []byte, []byte) (int64, error)) (ID, error) {
	if e.Time.IsZero() {
		e.Time = l.config.Clock()
	}
	buf := l.buffers.Get().(*[]byte)
	defer l.buffers.Put(buf)
	entry, apart, err := e.encode((*buf)[:0])
	*buf = entry
	if err != nil {
		return ID{}, fmt.Errorf("append to the ledger: %w", err)
	}
	var body []byte
	if apart {
		body = e.Body
	}
	index, err := add(ctx, entry, body)
	if err != nil {
		return ID{}, fmt.Errorf("append to the ledger: %w", err)
	}
	return ID{l.shard, index}, nil
}

// Shard is the number of the shard that this process writes.
func (l *Ledger) Shard() int { return l.shard }

// Key is the public key that verifies the ledger.
func (l *Ledger) Key() Key { return l.keys.Key }

// HMAC returns HMAC-SHA-256 of data under the ledger's own secret, in hex. It stands for strings that are too long, or too
// easily guessed, to be kept or to be hashed plainly.
func (l *Ledger) HMAC(data string) string { return l.keys.mac(data) }

// Err says why the ledger takes nothing any more; nil while it does.
func (l *Ledger) Err() error { return l.journal.failure() }

// Flush makes everything that was queued durable, whatever the mode, and signs a checkpoint over it.
func (l *Ledger) Flush(ctx context.Context) error {
	if err := l.journal.flush(ctx); err != nil {
		return err
	}
	request := make(chan error, 1)
	select {
	case l.flushes <- request:
		return <-request
	case <-l.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close writes the closing entry, signs everything, and frees the shard.
func (l *Ledger) Close() error {
	l.closing.Do(func() {
		l.closeErr = l.close()
	})
	return l.closeErr
}

func (l *Ledger) close() error {
	ctx := context.Background()
	body, err := appendSiblings([]byte(`{"shards":`), l.config.Dir, l.keys, l.shard)
	if err == nil {
		_, err = l.Append(ctx, Entry{Kind: KindStop, ID: newEntryID(), Body: append(body, '}')})
	}
	// Nothing is taken from here on: following what goes on being appended would have no end.
	refused := l.journal.refuse()
	close(l.quit)
	<-l.done
	closeErr := l.journal.close(refused)
	if closeErr == nil { // everything is synced, in either mode
		closeErr = l.publishTo(ctx, l.journal.acknowledged())
	}
	for _, a := range l.anchors {
		a.close()
	}
	l.publisher.cursor.close()
	return errors.Join(err, closeErr, l.lock.Close())
}
