package host

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"agentmesh/host/api"
	"agentmesh/host/release"
)

// trouble is the last thing that went wrong in the background.
type trouble struct {
	mu   sync.Mutex
	last error
	at   time.Time
}

// troubleFor is how long background trouble is told by /readyz after it was last met.
const troubleFor = 5 * time.Minute

// backgroundTrouble notes that tiles, index or anchors of the ledger could not be brought up to date. Entries are safe;
// what is derived from them follows later.
func (h *Host) backgroundTrouble(err error) {
	h.log.Warn("the ledger's background work failed", "error", err)
	h.trouble.mu.Lock()
	defer h.trouble.mu.Unlock()
	h.trouble.last, h.trouble.at = err, time.Now()
}

// Status is what the host would complain of.
func (h *Host) Status() api.Status {
	rules := h.rules.Status()
	s := api.Status{Set: rules.Set, Judges: rules.Judges}
	add := func(r api.Reason) { s.Reasons = append(s.Reasons, r) }
	var active []release.Versioned
	if set := h.rules.Acquire(); set != nil {
		s.Trust, active = trustedBy(set), running(set)
		set.Release()
	}
	for _, p := range h.modules.trust.Status(active).Problems {
		add(api.Reason{Code: string(p.Code), Message: p.Message, Mend: p.Mend})
	}
	s.Reasons = append(s.Reasons, h.follow.unfollowed()...)
	if err := h.ledger.Err(); err != nil {
		add(api.Reason{Code: "ledger_failed", Message: err.Error(), Mend: "mend the disk as the message says, then restart", Failing: true})
	}
	if rules.Err != nil {
		add(api.Reason{
			Code:    "policy_broken",
			Message: fmt.Sprintf("since %s the rules do not load, and those of %s go on deciding: %v", stamp(rules.Failed), stamp(rules.Since), rules.Err),
			Mend:    "correct the files named; `agentmesh policy check` tells when they are right",
		})
	}
	if rules.Judges == 0 {
		add(api.Reason{Code: "no_policy", Message: "no policy is loaded, so every action is denied", Mend: "put a policy into a folder given by --policies"})
	} else {
		for _, w := range rules.Warnings {
			add(warning(w))
		}
	}
	h.trouble.mu.Lock()
	defer h.trouble.mu.Unlock()
	if h.trouble.last != nil && time.Since(h.trouble.at) < troubleFor {
		add(api.Reason{
			Code: "ledger_behind", Message: fmt.Sprintf("at %s: %v", stamp(h.trouble.at), h.trouble.last),
			Mend: "entries are safe; look after disk, database or anchor, and what is behind follows by itself",
		})
	}
	return s
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// warning gives what the loader says of the rules in force a code.
func warning(text string) api.Reason {
	if strings.Contains(text, "nobody vouches for it") {
		return api.Reason{Code: "unsigned_wasm", Message: text, Mend: "sign it (agentmesh plugin sign) and load its folder by --plugins"}
	}
	if strings.Contains(text, "is stopped:") {
		return api.Reason{Code: "module_stopped", Message: text, Mend: "promote or pin another version, or see to its trust root; until then it denies"}
	}
	return api.Reason{Code: "rules_warning", Message: text, Mend: "see to what it names; the rules decide nevertheless"}
}
