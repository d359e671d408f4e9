package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"
)

// tesseraLog is Tessera's POSIX driver, batches as large as there are callers and as young as it allows: what it does
// best for that number of callers. An append is over when the entry is in the tree, which is when it is durable.
type tesseraLog struct {
	add  func(context.Context, *tessera.Entry) tessera.IndexFuture
	stop func(context.Context) error
	end  context.CancelFunc
}

func newTessera(dir string, callers int) (*tesseraLog, error) {
	klog.SetLogger(logr.Discard())
	ctx, end := context.WithCancel(context.Background())
	l, err := openTessera(ctx, dir, callers)
	if err != nil {
		end()
		return nil, err
	}
	l.end = end
	return l, nil
}

func openTessera(ctx context.Context, dir string, callers int) (*tesseraLog, error) {
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return nil, fmt.Errorf("tessera driver: %w", err)
	}
	secret, _, err := note.GenerateKey(rand.Reader, "peers.example/log")
	if err != nil {
		return nil, fmt.Errorf("tessera key: %w", err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, fmt.Errorf("tessera signer: %w", err)
	}
	opts := tessera.NewAppendOptions().WithCheckpointSigner(signer).WithBatching(uint(callers), 2*time.Millisecond).
		WithCheckpointInterval(time.Second)
	appender, stop, _, err := tessera.NewAppender(ctx, driver, opts)
	if err != nil {
		return nil, fmt.Errorf("tessera appender: %w", err)
	}
	return &tesseraLog{add: appender.Add, stop: stop}, nil
}

func (l *tesseraLog) append(entry []byte) error {
	_, err := l.add(context.Background(), tessera.NewEntry(entry))()
	return err
}

func (l *tesseraLog) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := l.stop(ctx)
	l.end()
	return err
}
