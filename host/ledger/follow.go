package ledger

import (
	"context"
	"fmt"
	"time"
)

// notice tells follow that there is something new; it never waits.
func (l *Ledger) notice() {
	select {
	case l.moved <- struct{}{}:
	default:
	}
}

// follow publishes what was appended, at most once in config.every, until the ledger is closed.
func (l *Ledger) follow() {
	defer close(l.done)
	pause := time.NewTimer(0)
	<-pause.C
	for {
		select {
		case <-l.quit:
			return
		case request := <-l.flushes:
			request <- l.publish(context.Background())
			continue
		case <-l.moved:
		}
		if err := l.publish(context.Background()); err != nil && l.Err() == nil {
			l.config.Report(fmt.Errorf("ledger shard %d: publish: %w", l.shard, err))
			l.notice() // and again after the pause
		}
		pause.Reset(l.config.every)
		l.rest(pause)
	}
}

// rest waits for the timer, but not to flush or to quit.
func (l *Ledger) rest(pause *time.Timer) {
	for {
		select {
		case <-pause.C:
			return
		case <-l.quit:
			return
		case request := <-l.flushes:
			request <- l.publish(context.Background())
		}
	}
}

// publish brings tiles, checkpoint, anchors and index up to what is acknowledged.
func (l *Ledger) publish(ctx context.Context) error {
	if l.config.Mode == Sync {
		return l.publishTo(ctx, l.journal.acknowledged())
	}
	// What is signed must be on the disk, or a power cut would leave a signature over nothing.
	durable, err := l.journal.syncWritten()
	if err != nil {
		return err
	}
	return l.publishTo(ctx, durable)
}

func (l *Ledger) publishTo(ctx context.Context, limit int64) error {
	if err := l.publisher.advance(limit); err != nil {
		return err
	}
	signed, err := l.publisher.checkpoint()
	if err != nil {
		return err
	}
	for _, a := range l.anchors {
		if signed != nil {
			a.offer(signed)
		}
	}
	if err := l.publisher.settle(); err != nil {
		return err
	}
	return l.updateIndex(ctx)
}

func (l *Ledger) updateIndex(ctx context.Context) error {
	if l.index == nil {
		return nil
	}
	more, err := l.index.update(ctx, l.shard, chunksAtOnce)
	if more {
		l.notice() // goes on after the next pause, even when nothing is appended
	}
	return err
}
