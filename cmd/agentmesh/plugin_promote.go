package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host/release"
	"agentmesh/host/rollout"
)

func promotePluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "promote NAME[@VERSION]",
		Short: "Let a version go on: shadow, canary, active",
		Long: `Brings a version to its next stage, or to the one that --to names. A shadow is asked about every action and decides nothing; a canary
decides for a share of the agents, chosen by a hash; an active version decides from its effective date on. Without a version the newest
one that is not active yet is meant. --to staged takes a candidate back, --to retired takes an active version out.

A guard takes a candidate back by itself when more of its decisions fail, or differ from those of the version in force, than it allows.`,
		Example: `  agentmesh plugin promote eu.ai-act/transparency@2.0.0
  agentmesh plugin promote eu.ai-act/transparency --to canary --percent 10 --max-errors 0 --max-differences 5 --min-decisions 200
  agentmesh plugin promote eu.ai-act/transparency --to active --reason "in force since February"`,
		Args: takes(1, 1, "one version"),
	}
	var p promotion
	c.Flags().StringVar(&p.to, "to", "", "stage: shadow, canary, active, staged, retired (default: the next one)")
	c.Flags().IntVar(&p.percent, "percent", 0, "share of the agents that a canary decides for, 1 to 100 (default 10)")
	c.Flags().IntVar(&p.errors, "max-errors", 0, "guard: percent of its decisions that may fail")
	c.Flags().IntVar(&p.differences, "max-differences", 0, "guard: percent of its decisions that may differ from those of the version in force")
	c.Flags().IntVar(&p.decisions, "min-decisions", 100, "guard: decisions to see first")
	reason := reasonFlag(c)
	return e.rolloutVerb(c, func(ctx context.Context, d *deployment, args []string) (rollout.Change, error) {
		given := func(flag string) bool { return c.Flags().Changed(flag) }
		o, err := p.read(given)
		if err != nil {
			return rollout.Change{}, err
		}
		o.Reason = *reason
		if o.Name, o.Version = nameVersion(args[0]); o.Version == "" {
			if o.Version, err = d.candidateOf(o.Name); err != nil {
				return rollout.Change{}, err
			}
		}
		return d.change(ctx, "plugin promote", func(l *rollout.Lock, now time.Time) (rollout.Change, error) { return d.promote(l, o, now) })
	})
}

// promotion is the flags of a promotion.
type promotion struct {
	to                                      string
	percent, errors, differences, decisions int
}

func (p *promotion) read(given func(flag string) bool) (rollout.Promotion, error) {
	o := rollout.Promotion{To: rollout.Stage(p.to), Percent: p.percent}
	if p.to != "" && !slices.Contains(rollout.Stages(), o.To) {
		return o, usage("", "--to is one of %v, not %q", rollout.Stages(), p.to)
	}
	if given("percent") && (p.percent < 1 || p.percent > 100) {
		return o, usage("", "--percent is 1 to 100, not %d", p.percent)
	}
	g := rollout.Guard{MinDecisions: p.decisions}
	for _, b := range []struct {
		flag  string
		value int
		into  **int
	}{{"max-errors", p.errors, &g.MaxErrors}, {"max-differences", p.differences, &g.MaxDifferences}} {
		if !given(b.flag) {
			continue
		}
		if b.value < 0 || b.value > 100 {
			return o, usage("", "--%s is percent, 0 to 100, not %d", b.flag, b.value)
		}
		*b.into = &b.value
	}
	switch {
	case p.decisions < 1 || p.decisions > 1<<30:
		return o, usage("", "--min-decisions is at least 1, not %d", p.decisions)
	case g.MaxErrors != nil || g.MaxDifferences != nil:
		o.Guard = &g
	case given("min-decisions"):
		return o, usage("add --max-errors or --max-differences", "--min-decisions is of a guard, and there is none")
	}
	return o, nil
}

// promote takes a step. A version that begins to take part is held against the trust roots once more: much may have been yanked and
// revoked since it was staged.
func (d *deployment) promote(l *rollout.Lock, o rollout.Promotion, now time.Time) (rollout.Change, error) {
	change, err := l.Promote(o, now)
	if err != nil || change.To == rollout.Staged || change.To == rollout.Retired {
		return change, err
	}
	s, err := d.depot.Get(l.Find(o.Name).Find(o.Version).Wasm)
	if err != nil {
		return change, withHint(err, "`agentmesh plugin stage` brings the module back")
	}
	_, err = d.trust.Check(release.Candidate{Module: s.Module, Envelopes: s.Envelopes, OCI: s.Receipt.OCI, New: true})
	return change, refusal(err)
}
