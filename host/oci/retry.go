package oci

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	longestWait  = 8 * time.Second // that we choose between two tries
	longestAsked = time.Minute     // that a registry may ask for
)

// again does something that may be done twice, and does it again while the reason for failing may pass.
func (c *Client) again(ctx context.Context, place string, do func() error) error {
	for try := 0; ; try++ {
		err := at(place, do())
		if err == nil || try >= c.o.Retries || !passing(err) || ctx.Err() != nil {
			return err
		}
		if ended := c.o.Wait(ctx, c.pause(try, err)); ended != nil {
			return err
		}
	}
}

// passing reports whether an error may be gone the next time.
func passing(err error) bool {
	switch CodeOf(err) {
	case CodeRegistryUnavailable, CodeStalled, CodeTruncated:
		return true
	}
	return false
}

// pause is how long to wait: longer each time, never shorter than the registry asked for, and apart from others who were
// sent away at the same moment.
func (c *Client) pause(try int, err error) time.Duration {
	wait := min(c.o.Backoff<<min(try, 30), longestWait)
	var asked time.Duration
	if b, ok := errors.AsType[*busy](err); ok {
		asked = min(b.after, longestAsked)
	}
	return max(asked, wait/2) + rand.N(wait/2+1)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
