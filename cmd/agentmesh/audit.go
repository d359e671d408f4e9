package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host/ledger"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

func auditCommand(e *env) *cobra.Command {
	return noun("audit", "Read and verify the log of every decision",
		`The ledger holds every decision and what became of it, in one or more shards (one for each process that writes). These commands
read all of them as one. By default they read the ledger of the state folder; --dir names another.`,
		listCommand(e), showCommand(e), tailCommand(e), verifyCommand(e), proveCommand(e), checkpointCommand(e), exportCommand(e),
		replayAuditCommand(e))
}

// audit is what the commands have in common: where the ledger is, and which entries are meant.
type audit struct {
	env          *env
	dir          string
	kind         string
	agent        string
	decision     string
	tool         string
	rule         string
	since, until string
}

func (a *audit) place(c *cobra.Command) {
	c.Flags().StringVar(&a.dir, "dir", "", "ledger folder (default: that of the state folder)")
}

func (a *audit) filters(c *cobra.Command) {
	c.Flags().StringVar(&a.kind, "kind", "", "only entries of this kind: decision, outcome, set, refused, list, start, stop, …")
	a.choose(c, "entries")
}

// choose adds the flags that say which decisions are meant; what is what they are chosen from.
func (a *audit) choose(c *cobra.Command, what string) {
	f := c.Flags()
	f.StringVar(&a.agent, "agent", "", "only "+what+" about this agent (DID, or name where it has none)")
	f.StringVar(&a.decision, "decision", "", "only "+what+" with this decision: allow, deny, require_approval")
	f.StringVar(&a.tool, "tool", "", "only "+what+" about this tool")
	f.StringVar(&a.rule, "rule", "", "only "+what+" decided by this rule")
	f.StringVar(&a.since, "since", "", "only "+what+" from then on: 2026-11-23T08:00:00Z, 2026-11-23, 90m, 2h, 30d")
	f.StringVar(&a.until, "until", "", "only "+what+" before then, in the same forms")
}

func (a *audit) filter(now time.Time) (ledger.Filter, error) {
	f := ledger.Filter{Kind: a.kind, Agent: a.agent, Tool: a.tool, Decision: a.decision, Rule: a.rule}
	if d, ok := abi.ParseDecision(a.decision); a.decision != "" && (!ok || !d.Deciding()) {
		return f, usage("", "--decision is allow, deny or require_approval, not %q", a.decision)
	}
	var err error
	if f.Since, err = when(a.since, now); err != nil {
		return f, usage("", "--since: %w", err)
	}
	if f.Until, err = when(a.until, now); err != nil {
		return f, usage("", "--until: %w", err)
	}
	return f, nil
}

// when reads a point in time: RFC 3339, a date (its beginning, UTC), or how long ago. Empty is no point at all.
func when(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	ago, err := time.ParseDuration(s)
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		var n float64
		n, err = strconv.ParseFloat(days, 64)
		ago = time.Duration(n * 24 * float64(time.Hour))
	}
	if err != nil || ago < 0 {
		return time.Time{}, fmt.Errorf("%q is no time; write 2026-11-23T08:00:00Z, 2026-11-23, or how long ago: 90m, 2h, 7d", s)
	}
	return now.Add(-ago), nil
}

// ledgerDir is the folder to read.
func (a *audit) ledgerDir() (string, error) {
	dir := a.dir
	if dir == "" {
		state, err := a.env.state()
		if err != nil {
			return "", err
		}
		dir = state.LedgerDir()
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", withHint(fmt.Errorf("there is no ledger in %s", dir), "set AGENTMESH_HOME to the state folder meant, or name the ledger by --dir")
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%s is no folder", dir)
	}
	return dir, nil
}

// reader opens the ledger for reading, with the index of the state folder where that is the ledger meant.
func (a *audit) reader(ctx context.Context) (r *ledger.Reader, done func() error, err error) {
	dir, err := a.ledgerDir()
	if err != nil {
		return nil, nil, err
	}
	if a.dir != "" {
		return ledger.NewReader(dir, nil), func() error { return nil }, nil
	}
	db, err := a.env.store(ctx, store.Options{}) // the index that hosts keep over the ledger
	if err != nil {
		return nil, nil, err
	}
	if db == nil {
		return ledger.NewReader(dir, nil), func() error { return nil }, nil
	}
	return ledger.NewReader(dir, db), db.Close, nil
}

func listCommand(e *env) *cobra.Command {
	a := &audit{env: e}
	c := &cobra.Command{
		Use:     "list",
		Short:   "List entries, the newest first",
		Example: "  agentmesh audit list --decision deny --since 2h\n  agentmesh audit list --agent data-analyst-agent -n 10 -o json",
		Args:    takes(0, 0, "no arguments"),
	}
	a.place(c)
	a.filters(c)
	limit := c.Flags().IntP("limit", "n", 100, "at most so many; 0: all")
	output := format(c, "table", "json", "cloudevents")
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, err := a.filter(time.Now())
		if err != nil {
			return err
		}
		f.Limit = *limit
		return a.list(c.Context(), f, *output)
	}
	return c
}

func (a *audit) list(ctx context.Context, f ledger.Filter, output string) error {
	r, done, err := a.reader(ctx)
	if err != nil {
		return err
	}
	if output == "cloudevents" {
		return errors.Join(r.Export(ctx, a.env.stdout, ledger.CloudEvents, f), done())
	}
	var rows [][]string
	records := []rawJSON{}
	for record, err := range r.Records(ctx, f) {
		if err != nil {
			return errors.Join(err, done())
		}
		if output == "json" {
			records = append(records, recordJSON(&record))
		} else {
			rows = append(rows, recordRow(&record))
		}
	}
	if output == "json" {
		err = a.env.json(records)
	} else {
		a.env.table(recordHeader(), rows)
	}
	return errors.Join(err, done())
}

// recordJSON is a record as `audit export` writes it.
func recordJSON(r *ledger.Record) rawJSON {
	out := fmt.Appendf(nil, `{"shard":%d,"index":%d,"entry":`, r.At.Shard, r.At.Index)
	return append(ledger.AppendEntry(out, &r.Entry), '}')
}

// event is a record as a CloudEvent. Its source is the shard's origin, as the shard's checkpoint names it.
func event(r *ledger.Reader, record *ledger.Record) (rawJSON, error) {
	checkpoints, err := r.Checkpoints()
	if err != nil {
		return nil, err
	}
	source := ""
	for _, c := range checkpoints {
		if strings.HasSuffix(c.Origin, "/"+strconv.Itoa(record.At.Shard)) {
			source = c.Origin
		}
	}
	return ledger.AppendCloudEvent(nil, record, source), nil
}

func recordHeader() []string {
	return []string{"TIME", "PLACE", "KIND", "AGENT", "ACTION", "DECISION", "CODE", "POLICY", "RULE"}
}

func recordRow(r *ledger.Record) []string {
	return []string{
		r.Time.UTC().Format("2006-01-02 15:04:05.000"), r.At.String(), r.Kind, short(r.Agent, 40), short(actionOf(r), 40), r.Decision, r.Code,
		short(r.Policy, 30), short(r.Rule, 40),
	}
}

// actionOf says what an entry is about: the tool or method where there is one, else the action's type.
func actionOf(r *ledger.Record) string {
	switch {
	case r.Tool != "" && r.Server != "":
		return r.Server + "/" + r.Tool
	case r.Tool != "":
		return r.Tool
	case r.Method != "":
		return r.Method
	case r.Kind != ledger.KindDecision:
		return ""
	}
	body, err := abi.ReadValue(string(r.Body))
	if err != nil {
		return ""
	}
	return body.Get("request").Get("action").Get("type").Text()
}

func showCommand(e *env) *cobra.Command {
	a := &audit{env: e}
	c := &cobra.Command{
		Use:     "show ENTRY",
		Short:   "Show one entry, by its place (0/17) or its id",
		Example: "  agentmesh audit show 0/17\n  agentmesh audit show \"$(jq -r .id verdict.json)\" -o json",
		Args:    takes(1, 1, "one entry"),
	}
	a.place(c)
	output := format(c, "table", "json", "cloudevents")
	c.RunE = func(c *cobra.Command, args []string) error {
		r, done, err := a.reader(c.Context())
		if err != nil {
			return err
		}
		record, err := r.Show(c.Context(), args[0])
		if errors.Is(err, ledger.ErrNotFound) {
			err = withHint(fmt.Errorf("%s: %w", args[0], err), "`agentmesh audit list` shows places; ids stand in verdicts")
		}
		if err == nil {
			err = e.showAs(*output, r, &record)
		}
		return errors.Join(err, done())
	}
	return c
}

func (e *env) showAs(output string, r *ledger.Reader, record *ledger.Record) error {
	switch output {
	case "json":
		return e.indented(recordJSON(record))
	case "cloudevents":
		text, err := event(r, record)
		return errors.Join(err, e.indented(text))
	default:
		return e.show(record)
	}
}

func (e *env) show(r *ledger.Record) error {
	rows := [][]string{{"place", r.At.String()}, {"kind", r.Kind}, {"time", r.Time.UTC().Format(time.RFC3339Nano)}}
	for _, f := range [][]string{
		{"id", r.ID},
		{"agent", r.Agent},
		{"server", r.Server},
		{"tool", r.Tool},
		{"method", r.Method},
		{"decision", r.Decision},
		{"code", r.Code},
		{"rule", r.Rule},
		{"policy", r.Policy},
		{"set", r.Set},
	} {
		if f[1] != "" {
			rows = append(rows, f)
		}
	}
	e.table(nil, rows)
	if len(r.Body) == 0 {
		return nil
	}
	e.printf("\n")
	return e.indented(r.Body)
}

func tailCommand(e *env) *cobra.Command {
	a := &audit{env: e}
	c := &cobra.Command{
		Use:     "tail",
		Short:   "Show the newest entries and, with -f, those that follow",
		Example: "  agentmesh audit tail -f --decision deny\n  agentmesh audit tail -n 3 -o json",
		Args:    takes(0, 0, "no arguments"),
	}
	a.place(c)
	a.filters(c)
	last := c.Flags().IntP("lines", "n", 10, "how many to begin with")
	follow := c.Flags().BoolP("follow", "f", false, "go on until interrupted")
	output := format(c, "table", "json", "cloudevents")
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, err := a.filter(time.Now())
		if err != nil {
			return err
		}
		f.Limit = *last
		return a.tail(c.Context(), f, *follow, *output)
	}
	return c
}

func (a *audit) tail(ctx context.Context, f ledger.Filter, follow bool, output string) error {
	r, done, err := a.reader(ctx)
	if err != nil {
		return err
	}
	print := func(record ledger.Record) error {
		switch output {
		case "json":
			_, err := fmt.Fprintf(a.env.stdout, "%s\n", recordJSON(&record))
			return err
		case "cloudevents":
			text, err := event(r, &record)
			fmt.Fprintf(a.env.stdout, "%s\n", text)
			return err
		default:
			a.env.table(nil, [][]string{recordRow(&record)})
			return nil
		}
	}
	if follow {
		return errors.Join(r.Tail(ctx, f, print), done())
	}
	var newest []ledger.Record
	for record, err := range r.Records(ctx, f) {
		if err != nil {
			return errors.Join(err, done())
		}
		newest = append(newest, record)
	}
	for _, record := range slices.Backward(newest) {
		err = errors.Join(err, print(record))
	}
	return errors.Join(err, done())
}
