package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"agentmesh/host/ledger"
)

func verifyCommand(e *env) *cobra.Command {
	a := &audit{env: e}
	c := &cobra.Command{
		Use:   "verify",
		Short: "Find any edit, deletion, reordering, truncation or missing shard",
		Long: `Checks the ledger against its signatures with nothing but its folder and its public key: every entry, every tree, and what shards say of
each other. Whoever owns the folder and the key can write a new history; against that hold checkpoints kept elsewhere (--against).

Exits 0 when the ledger is whole, 3 when it is not, naming the first bad entry.`,
		Example: `  agentmesh audit verify
  agentmesh audit verify --dir copy/ledger --key ledger.pub --against checkpoint-of-monday`,
		Args: takes(0, 0, "no arguments"),
	}
	a.place(c)
	key := c.Flags().String("key", "", "public key of the ledger, a file or the key itself (default: that of the state folder)")
	against := c.Flags().StringArray("against", nil, "file of checkpoints that were kept elsewhere; repeatable")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		dir, err := a.ledgerDir()
		if err != nil {
			return err
		}
		k, err := a.key(*key)
		if err != nil {
			return err
		}
		o := ledger.VerifyOptions{}
		if o.Against, err = checkpoints(*against); err != nil {
			return err
		}
		bar := e.progress("entries")
		o.Progress = bar.show
		report, err := ledger.Verify(c.Context(), dir, k, o)
		bar.clear()
		if err != nil {
			return err
		}
		if *output == "json" {
			err = e.json(verifyReport(report))
		} else {
			e.verified(report, len(o.Against))
		}
		if err == nil && !report.OK() {
			err = told(exitDenied)
		}
		return err
	}
	return c
}

// key reads the public key: from what was given, else from the state folder, but never one that lies beside a ledger named
// by --dir: whoever sent that folder may have sent the key.
func (a *audit) key(given string) (ledger.Key, error) {
	if given == "" && a.dir != "" {
		return ledger.Key{}, usage("--key FILE; the key of a state folder is keys/ledger.pub", "--dir needs --key: a key that comes with a ledger proves nothing")
	}
	if given == "" {
		state, err := a.env.state()
		if err != nil {
			return ledger.Key{}, err
		}
		return ledger.ReadKey(state.KeyDir())
	}
	text, err := os.ReadFile(given)
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(given, "+") {
		return ledger.ParseKey(given)
	}
	if err != nil {
		return ledger.Key{}, err
	}
	k, err := ledger.ParseKey(strings.TrimSpace(string(text)))
	if err != nil {
		return k, fmt.Errorf("%s: %w", given, err)
	}
	return k, nil
}

func checkpoints(files []string) ([][]byte, error) {
	var out [][]byte
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		signed, err := ledger.SplitCheckpoints(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, signed...)
	}
	return out, nil
}

type verifyJSON struct {
	OK       bool          `json:"ok"`
	Ledger   string        `json:"ledger"`
	Shards   []shardJSON   `json:"shards"`
	Problems []problemJSON `json:"problems"`
}

type shardJSON struct {
	Shard      int    `json:"shard"`
	Entries    int64  `json:"entries"`
	Uncovered  int64  `json:"uncovered"`
	Unfinished int64  `json:"unfinished"`
	Bodies     int64  `json:"bodies"`
	Retired    bool   `json:"retired"`
	Root       string `json:"root"`
}

type problemJSON struct {
	Shard  int    `json:"shard"`
	Index  int64  `json:"index"`
	File   string `json:"file"`
	Reason string `json:"reason"`
}

func verifyReport(r *ledger.Report) verifyJSON {
	out := verifyJSON{OK: r.OK(), Ledger: r.Ledger, Shards: []shardJSON{}, Problems: []problemJSON{}}
	for _, s := range r.Shards {
		out.Shards = append(out.Shards, shardJSON{s.Shard, s.Entries, s.Uncovered, s.Unfinished, s.Bodies, s.Retired, s.Root.String()})
	}
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, problemJSON{p.Shard, p.Index, p.File, p.Reason})
	}
	return out
}

func (e *env) verified(r *ledger.Report, against int) {
	var rows [][]string
	for _, s := range r.Shards {
		var notes []string
		if s.Uncovered > 0 {
			notes = append(notes, fmt.Sprintf("%d entries not yet signed", s.Uncovered))
		}
		if s.Retired {
			notes = append(notes, "set aside")
		}
		rows = append(rows, []string{fmt.Sprint(s.Shard), fmt.Sprint(s.Entries), s.Root.String(), strings.Join(notes, ", ")})
	}
	e.table([]string{"SHARD", "ENTRIES", "ROOT", ""}, rows)
	if r.OK() {
		e.printf("\n%s: the ledger is whole", e.paint("ok"))
		if against > 0 {
			e.printf(", and goes on from %d checkpoints kept elsewhere", against)
		}
		e.printf("\n")
		return
	}
	fmt.Fprintf(e.stderr, "\nagentmesh: verification failed: %s\n", plain(r.Problems[0].String()))
	for _, p := range r.Problems[1:] {
		fmt.Fprintf(e.stderr, "  also: %s\n", plain(p.String()))
	}
}

func proveCommand(e *env) *cobra.Command {
	a := &audit{env: e}
	c := &cobra.Command{
		Use:   "prove ENTRY",
		Short: "Print a proof that one entry stands in the ledger",
		Long: `Prints the entry, its inclusion proof (RFC 6962) and a signed checkpoint, in the form C2SP tlog-proof. Whoever has the public key can
check it with any tool for such logs; nothing else of the ledger is needed.`,
		Example: "  agentmesh audit prove 0/17 > entry.proof",
		Args:    takes(1, 1, "one entry"),
	}
	a.place(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		r, done, err := a.reader(c.Context())
		if err != nil {
			return err
		}
		proof, err := r.Prove(c.Context(), args[0])
		switch {
		case errors.Is(err, ledger.ErrUncovered):
			err = withHint(err, "checkpoints are signed once a second while entries come in; try again in a moment")
		case err == nil:
			_, err = e.stdout.Write(proof)
		}
		return errors.Join(err, done())
	}
	return c
}

func checkpointCommand(e *env) *cobra.Command {
	a := &audit{env: e}
	c := &cobra.Command{
		Use:   "checkpoint",
		Short: "Print the signed checkpoints of all shards, to be kept elsewhere",
		Long: `Prints what every shard has signed last: how many entries there are, and their root. Kept where the owner of the ledger cannot change
them, they prove later that nothing was taken back (agentmesh audit verify --against).`,
		Example: "  agentmesh audit checkpoint >> /mnt/elsewhere/checkpoints",
		Args:    takes(0, 0, "no arguments"),
	}
	a.place(c)
	output := format(c, "text", "json")
	c.RunE = func(*cobra.Command, []string) error {
		dir, err := a.ledgerDir()
		if err != nil {
			return err
		}
		signed, err := ledger.NewReader(dir, nil).Checkpoints()
		if err != nil {
			return err
		}
		if *output == "json" {
			return e.json(checkpointReport(signed))
		}
		for _, s := range signed {
			e.printf("%s\n", s.Note)
		}
		return nil
	}
	return c
}

func checkpointReport(signed []ledger.Checkpoint) []map[string]any {
	out := []map[string]any{}
	for _, s := range signed {
		out = append(out, map[string]any{"origin": s.Origin, "size": s.Size, "root": s.Root.String(), "note": string(s.Note)})
	}
	return out
}

func exportCommand(e *env) *cobra.Command {
	a := &audit{env: e}
	c := &cobra.Command{
		Use:   "export",
		Short: "Write entries for other tools, the oldest first, one on each line",
		Example: `  agentmesh audit export -o cloudevents --since 1d > events.jsonl
  agentmesh audit export --decision deny | jq .entry.rule`,
		Args: takes(0, 0, "no arguments"),
	}
	a.place(c)
	a.filters(c)
	output := format(c, "json", "cloudevents")
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, err := a.filter(time.Now())
		if err != nil {
			return err
		}
		f.OldestFirst = true
		r, done, err := a.reader(c.Context())
		if err != nil {
			return err
		}
		form := ledger.JSONLines
		if *output == "cloudevents" {
			form = ledger.CloudEvents
		}
		return errors.Join(r.Export(c.Context(), e.stdout, form, f), done())
	}
	return c
}

// progress is a bar on standard error, where that is a terminal.
func (e *env) progress(of string) *progress {
	f, ok := e.stderr.(*os.File)
	return &progress{env: e, of: of, on: ok && isatty.IsTerminal(f.Fd())}
}

type progress struct {
	env  *env
	of   string
	on   bool
	last int64
}

// show draws the bar anew for each hundredth of the way.
func (p *progress) show(done, total int64) {
	if !p.on || total == 0 || done*100/total == p.last {
		return
	}
	p.last = done * 100 / total
	filled := int(p.last * 40 / 100)
	fmt.Fprintf(p.env.stderr, "\r[%s%s] %d of %d %s", strings.Repeat("=", filled), strings.Repeat(" ", 40-filled), done, total, p.of)
}

func (p *progress) clear() {
	if p.on {
		fmt.Fprint(p.env.stderr, "\r\x1b[K")
	}
}
