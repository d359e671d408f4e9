package host

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"agentmesh/host/api"
	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/oci"
	"agentmesh/host/release"
)

// followTime is how long one look at one root's index may take.
const followTime = 2 * time.Minute

// follower keeps the trust roots and their indexes up to date from where they are published. What fails leaves the last good
// ones in force.
type follower struct {
	client *oci.Client
	stop   context.CancelFunc
	done   chan struct{}
	known  map[string]fetched // by root: what was fetched last
	mu     sync.Mutex
	failed map[string]error // by root: why the last look was in vain
}

// fetched is the manifest of an index that was taken, and how its root was known then. Where the root is known otherwise since,
// by a restored folder or by being removed and added again, the same manifest is news.
type fetched struct{ manifest, standing string }

func standing(k *release.Known) string {
	if k.Index == nil {
		return k.Fingerprint
	}
	return fmt.Sprint(k.Fingerprint, " ", k.Index.Version)
}

// Follow asks for the indexes of the trust roots from now on, as often as the configuration says, until Close. meshhost follows;
// commands that come and go do not.
func (h *Host) Follow(ctx context.Context) error {
	if h.config.Trust.Poll <= 0 || h.follow.stop != nil {
		return nil
	}
	client, err := oci.New(h.ociOptions())
	if err != nil {
		return err
	}
	f := &h.follow
	f.client, f.known, f.failed = client, map[string]fetched{}, map[string]error{}
	ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx))
	f.done = make(chan struct{})
	go h.followOn(ctx)
	return nil
}

// unfollow ends what Follow began.
func (h *Host) unfollow() error {
	if h.follow.stop != nil {
		h.follow.stop()
		<-h.follow.done
	}
	return nil
}

func (h *Host) followOn(ctx context.Context) {
	defer close(h.follow.done)
	for {
		h.followAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(jitter(h.config.Trust.Poll)):
		}
	}
}

// jitter keeps hosts that were started together from asking together: a tenth more or less.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}

// followAll looks at every root, and has the rules loaded again where that changed what is trusted.
func (h *Host) followAll(ctx context.Context) {
	before := h.modules.trust.Epoch()
	roots, err := h.modules.trust.Roots()
	if err != nil {
		h.log.Error("the trust roots cannot be read", "error", err)
		return
	}
	h.follow.forget(roots)
	for i := range roots {
		k := &roots[i]
		if k.Root.Source == "" || ctx.Err() != nil {
			continue
		}
		one, cancel := context.WithTimeout(ctx, followTime)
		err := h.followOne(one, k)
		cancel()
		h.followed(ctx, k.Root.Name, err)
	}
	if h.modules.trust.Epoch() == before {
		return
	}
	if now, err := h.modules.trust.Roots(); err == nil {
		h.noteTrust(ctx, release.Changes(roots, now)...)
	}
	h.rules.Reload(ctx) // the status tells
}

func (h *Host) followOne(ctx context.Context, k *release.Known) error {
	ref, err := oci.ParseReference(k.Root.Source)
	if err != nil {
		return err
	}
	last := h.follow.known[k.Root.Name]
	if last.standing != standing(k) {
		last = fetched{}
	}
	x, digest, err := h.follow.client.PullIndex(ctx, ref, last.manifest)
	if err != nil || x == nil {
		return err
	}
	if err := h.modules.trust.Update(ctx, x.Chain, x.Index); err != nil {
		return err
	}
	now, err := h.modules.trust.Roots()
	for i := range now {
		if now[i].Root.Name == k.Root.Name {
			h.follow.known[k.Root.Name] = fetched{digest, standing(&now[i])}
		}
	}
	return err
}

// forget drops what is known of roots that are not trusted any more.
func (f *follower) forget(roots []release.Known) {
	gone := func(name string) bool {
		return !slices.ContainsFunc(roots, func(k release.Known) bool { return k.Root.Name == name })
	}
	maps.DeleteFunc(f.known, func(name string, _ fetched) bool { return gone(name) })
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.failed, func(name string, _ error) bool { return gone(name) })
}

// followed notes how a look at a root ended, in the log and, when it is news, in the ledger.
func (h *Host) followed(ctx context.Context, root string, err error) {
	if ctx.Err() != nil {
		return
	}
	f := &h.follow
	f.mu.Lock()
	before := f.failed[root]
	f.failed[root] = err
	f.mu.Unlock()
	same := before == nil && err == nil || before != nil && err != nil && before.Error() == err.Error()
	if same {
		return
	}
	if err == nil {
		h.log.Info("the index of a trust root is followed again", "root", root)
		return
	}
	h.log.Warn("the index of a trust root was not taken; the last good one stays", "root", root, "error", err)
	event, refused := release.Refused(err)
	if !refused {
		return // nobody answered: that says nothing of trust
	}
	event.Root = root
	h.noteTrust(ctx, event)
}

// noteTrust writes down what was taken or refused in the background.
func (h *Host) noteTrust(ctx context.Context, events ...release.Event) {
	for i := range events {
		if err := h.gate.Note(ctx, ledger.KindTrust, gate.Subject{}, events[i].Value()); err != nil {
			h.log.Error("what is trusted changed and was not recorded", "root", events[i].Root, "error", err)
		}
	}
}

// unfollowed are the roots whose index could not be had, for /readyz.
func (f *follower) unfollowed() []api.Reason {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []api.Reason
	for root, err := range f.failed {
		if err == nil {
			continue
		}
		code := string(release.CodeOf(err))
		if code == "" {
			code = string(oci.CodeOf(err))
		}
		if code == "" {
			code = "index_unreachable"
		}
		out = append(out, api.Reason{
			Code: code, Message: fmt.Sprintf("the index of trust root %s was not taken: %v; the last good one stays", root, err),
			Mend: "see to the registry, or have the index published again",
		})
	}
	return out
}
