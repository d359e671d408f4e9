package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Anchor keeps checkpoints where the owner of the ledger's folder cannot change them. It gets every checkpoint, a signed
// note, or when it is slow the newest; a failure is reported and nothing waits for it.
type Anchor func(ctx context.Context, checkpoint []byte) error

// anchorTime is how long an anchor may take.
const anchorTime = 30 * time.Second

// FileAnchor appends checkpoints to a file, a blank line between them; SplitCheckpoints reads it.
func FileAnchor(path string) Anchor {
	return func(_ context.Context, checkpoint []byte) error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(append(bytes.Clone(checkpoint), '\n'))
		return errors.Join(err, f.Sync(), f.Close())
	}
}

// CommandAnchor runs a command for each checkpoint, which stands on its standard input; it may take 30 s.
func CommandAnchor(name string, args ...string) Anchor {
	return func(ctx context.Context, checkpoint []byte) error {
		c := exec.CommandContext(ctx, name, args...)
		c.Stdin = bytes.NewReader(checkpoint)
		out, err := c.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out[:min(len(out), 500)]))
		}
		return nil
	}
}

// anchoring runs one anchor beside everything else.
type anchoring struct {
	offered chan []byte // the newest checkpoint not yet taken
	done    chan struct{}
}

func startAnchoring(a Anchor, report func(error)) *anchoring {
	w := &anchoring{offered: make(chan []byte, 1), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for checkpoint := range w.offered {
			ctx, cancel := context.WithTimeout(context.Background(), anchorTime)
			if err := a(ctx, checkpoint); err != nil {
				report(fmt.Errorf("anchor a checkpoint: %w", err))
			}
			cancel()
		}
	}()
	return w
}

// offer hands over a checkpoint in place of one that still waits. Only one goroutine offers.
func (w *anchoring) offer(checkpoint []byte) {
	select {
	case <-w.offered:
	default:
	}
	w.offered <- checkpoint
}

// close waits for the last checkpoint to be anchored, at most anchorTime as each may take.
func (w *anchoring) close() {
	close(w.offered)
	<-w.done
}
