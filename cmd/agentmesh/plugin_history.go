package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host/ledger"
	"agentmesh/host/rollout"
	"agentmesh/pdk/abi"
)

func historyPluginCommand(e *env) *cobra.Command {
	h := history{audit: audit{env: e}}
	c := &cobra.Command{
		Use:   "history [NAME]",
		Short: "List versions and what became of them, or which were active at a time",
		Long: `Without a name: every version in plugins.lock and its stage. With one: its versions, and each change that the ledger holds. With --at: what
was in force then, by the ledger, in each host or proxy that wrote to it; "decides" marks the version that was in effect.`,
		Example: `  agentmesh plugin history
  agentmesh plugin history eu.ai-act/transparency
  agentmesh plugin history --at 2027-02-01T00:00:00Z -o json`,
		Args: takes(0, 1, "at most one name"),
	}
	h.place(c)
	c.Flags().StringVar(&h.at, "at", "", "what was in force then: 2026-11-23T08:00:00Z, 2026-11-23, 90m, 2h, 7d")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		h.json = *output == "json"
		if len(args) > 0 {
			h.name = args[0]
		}
		if h.at != "" {
			return h.past(c.Context())
		}
		return h.present(c.Context())
	}
	return c
}

type history struct {
	audit
	name, at string
	json     bool
}

// past prints what was in force.
func (h *history) past(ctx context.Context) (err error) {
	at, err := when(h.at, time.Now())
	if err != nil {
		return usage("", "--at: %w", err)
	}
	r, done, err := h.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	past, err := rollout.ActiveAt(ctx, r, at)
	if err != nil {
		return err
	}
	writers := []pastJSON{}
	for i := range past {
		if p := h.pastOf(&past[i]); h.name == "" || len(p.Judges) > 0 {
			writers = append(writers, p)
		}
	}
	if h.json {
		return h.env.json(map[string]any{"at": at.UTC().Format(time.RFC3339Nano), "writers": writers})
	}
	h.env.pastTable(writers, at)
	return nil
}

type pastJSON struct {
	Entry  string          `json:"entry"`
	Since  string          `json:"since"`
	Set    string          `json:"set"`
	Judges []pastJudgeJSON `json:"judges"`
}

type pastJudgeJSON struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Digest    string `json:"digest"`
	Stage     string `json:"stage"`
	Percent   int    `json:"percent,omitempty"`
	From      string `json:"effective_from,omitempty"`
	Until     string `json:"effective_until,omitempty"`
	Monitored bool   `json:"monitored,omitempty"`
	InEffect  bool   `json:"in_effect"`
}

func (h *history) pastOf(p *rollout.Past) pastJSON {
	out := pastJSON{Entry: p.At.String(), Since: p.Since.UTC().Format(time.RFC3339Nano), Set: p.Set, Judges: []pastJudgeJSON{}}
	for _, j := range p.Judges {
		if h.name == "" || j.Name == h.name {
			out.Judges = append(out.Judges, pastJudgeJSON{
				Name: j.Name, Version: j.Version, Digest: j.Digest, Stage: string(j.Stage), Percent: j.Percent, From: date(j.From), Until: date(j.Until),
				Monitored: j.Monitored, InEffect: j.InEffect,
			})
		}
	}
	return out
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (e *env) pastTable(writers []pastJSON, at time.Time) {
	if len(writers) == 0 {
		e.printf("nothing was in force at %s, as far as the ledger tells\n", date(at))
		return
	}
	for i, p := range writers {
		if i > 0 {
			e.printf("\n")
		}
		e.printf("entry %s, in force since %s\n", p.Entry, p.Since)
		var rows [][]string
		for _, j := range p.Judges {
			part := ""
			switch {
			case !j.InEffect:
				part = "not in effect"
			case j.Stage == string(rollout.Shadow) || j.Monitored:
				part = "beside"
			case j.Percent > 0:
				part = fmt.Sprintf("decides for %d %%", j.Percent)
			default:
				part = "decides"
			}
			rows = append(rows, []string{j.Name, short(strings.TrimPrefix(j.Version, "sha256:"), 14), j.Stage, part, j.From, j.Until})
		}
		e.table([]string{"NAME", "VERSION", "STAGE", "", "FROM", "UNTIL"}, rows)
	}
}

// present prints the lock, and of one plugin what the ledger holds of its changes.
func (h *history) present(ctx context.Context) error {
	l, err := h.env.lockRead()
	if err != nil {
		return err
	}
	if h.name != "" {
		p := l.Find(h.name)
		if p == nil {
			return withHint(fmt.Errorf("%s is not in plugins.lock", h.name), "`agentmesh plugin history` lists what is")
		}
		l.Plugins = []*rollout.Plugin{p}
	}
	events, err := h.events(ctx)
	if err != nil {
		return err
	}
	if h.json {
		return h.env.json(map[string]any{"lock": l, "events": eventsJSON(events)})
	}
	h.env.lockTable(l)
	if h.name != "" {
		h.env.eventTable(events)
	}
	return nil
}

// lockRead is plugins.lock; nothing is made where it is not there.
func (e *env) lockRead() (*rollout.Lock, error) {
	state, err := e.state()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(state.PluginDir()); errors.Is(err, fs.ErrNotExist) {
		return &rollout.Lock{}, nil
	}
	s, err := rollout.Open(state.PluginDir(), rollout.Options{})
	if err != nil {
		return nil, err
	}
	return s.Read()
}

// events are the recorded changes; none where there is no ledger yet.
func (h *history) events(ctx context.Context) (_ []rollout.Event, err error) {
	if _, err := h.ledgerDir(); err != nil && h.dir == "" {
		return nil, nil
	}
	r, done, err := h.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	return rollout.Events(ctx, r, h.name)
}

type eventJSON struct {
	Entry  string          `json:"entry"`
	Time   string          `json:"time"`
	Change json.RawMessage `json:"change"`
}

func eventsJSON(events []rollout.Event) []eventJSON {
	out := []eventJSON{}
	for _, v := range events {
		body := v.Value()
		out = append(out, eventJSON{v.At.String(), v.Time.UTC().Format(ledger.TimeFormat), json.RawMessage(abi.AppendJSON(nil, body.Get("rollout")))})
	}
	return out
}

func (e *env) lockTable(l *rollout.Lock) {
	if len(l.Plugins) == 0 {
		e.printf("plugins.lock is empty; `agentmesh plugin stage` brings a version there\n")
		return
	}
	var rows [][]string
	for _, p := range l.Plugins {
		for _, v := range p.Versions {
			rows = append(rows, []string{p.Name, v.Version, stageText(p, v), date(v.Since), date(v.From), date(v.Until), p.Root, v.Reason})
		}
	}
	e.table([]string{"NAME", "VERSION", "STAGE", "SINCE", "FROM", "UNTIL", "ROOT", "REASON"}, rows)
}

// stageText is a version's stage with what else bears on it.
func stageText(p *rollout.Plugin, v *rollout.Version) string {
	text := string(v.Stage)
	if v.Percent > 0 {
		text += fmt.Sprintf(" %d %%", v.Percent)
	}
	if p.Pinned == v.Version {
		text += ", pinned"
	}
	switch {
	case v.Yanked != nil && v.Yanked.Stopped:
		text += ", stopped"
	case v.Yanked != nil:
		text += ", yanked"
	}
	return text
}

func (e *env) eventTable(events []rollout.Event) {
	if len(events) == 0 {
		return
	}
	e.printf("\n")
	var rows [][]string
	for _, v := range events {
		step := string(v.To)
		if v.From != "" && v.From != v.To {
			step = string(v.From) + " -> " + step
		}
		if v.Percent > 0 {
			step += fmt.Sprintf(" %d %%", v.Percent)
		}
		rows = append(rows, []string{v.Time.UTC().Format(time.RFC3339), v.Action, v.Version, step, v.By, v.Reason, v.At.String()})
	}
	e.table([]string{"TIME", "CHANGE", "VERSION", "STAGE", "BY", "REASON", "ENTRY"}, rows)
}
