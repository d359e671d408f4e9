package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"agentmesh/host/ledger"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

// appender is a log; append returns when the entry is as safe as the log promises.
type appender interface {
	append(entry []byte) error
	close() error
}

// logged is one log's turn in a table.
type logged struct {
	name  string
	open  func(dir string, callers int) (appender, error)
	floor bool // what the others are compared with
}

func logs(o *options) []logged {
	return chosen(o, func(l logged) string { return l.name }, []logged{
		{name: "ours, sync, with the index for queries", open: openLedger(ledger.Sync, true)},
		{name: "ours, sync, without", open: openLedger(ledger.Sync, false)},
		{name: "group commit and CRC alone, blocks ahead", open: openFloor(true, true)},
		{name: "group commit and CRC alone", open: openFloor(true, false), floor: true},
		{name: "Tessera, POSIX driver", open: func(dir string, callers int) (appender, error) { return newTessera(dir, callers) }},
		{name: "ours, os, with the index for queries", open: openLedger(ledger.OS, true)},
		{name: "group write and CRC alone, not synced", open: openFloor(false, true)},
	})
}

func openFloor(durable, extending bool) func(string, int) (appender, error) {
	return func(dir string, _ int) (appender, error) {
		return newFloor(filepath.Join(dir, "frames"), durable, extending)
	}
}

// openedLedger is ours, with the database of its index.
type openedLedger struct {
	*ledger.Ledger
	index *store.DB
}

func openLedger(mode ledger.Mode, indexed bool) func(string, int) (appender, error) {
	return func(dir string, _ int) (appender, error) { return newLedger(dir, mode, indexed) }
}

func newLedger(dir string, mode ledger.Mode, indexed bool) (*openedLedger, error) {
	ctx := context.Background()
	o := &openedLedger{}
	var err error
	if indexed {
		if o.index, err = store.Open(ctx, filepath.Join(dir, "store.db"), store.Options{}); err != nil {
			return nil, err
		}
	}
	o.Ledger, err = ledger.Open(ctx, ledger.Config{
		Dir: filepath.Join(dir, "ledger"), Keys: filepath.Join(dir, "keys"), Mode: mode, Index: o.index,
		Report: func(err error) { fmt.Fprintln(os.Stderr, "peers: ledger:", err) },
	})
	return o, err
}

func (o *openedLedger) append(body []byte) error {
	_, err := o.Append(context.Background(), ledger.Entry{
		Kind: "decision", ID: "01JNF3Z6T8", Agent: "agent-7f3a91", Server: "warehouse", Tool: "export_rows", Method: "tools/call",
		Decision: "deny", Code: "rule", Rule: "no-pii-export", Policy: "local/peers", Body: body,
	})
	return err
}

func (o *openedLedger) close() error {
	err := o.Close()
	if o.index != nil {
		err = firstError(err, o.index.Close())
	}
	return err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// entryBody is what a decision's entry holds: the request and a verdict, about a kilobyte.
func entryBody() ([]byte, error) {
	f := quietFacts()
	q, err := abi.ReadRequest(f.asJSON())
	if err != nil {
		return nil, err
	}
	v := abi.Verdict{
		Decision: abi.Deny, Code: abi.CodeRule, Rule: "no-pii-export", Policy: "local/peers", Reason: "personal data may not leave",
		Judges: []abi.Judged{{Name: "local/peers", Version: "1.0.0", Digest: digest(), Decision: abi.Deny, Rule: "no-pii-export"}},
		Set:    digest(), ID: "01JNF3Z6T8", Enforced: true,
	}
	body := abi.AppendRequest([]byte(`{"request":`), &q)
	body = abi.AppendVerdict(append(body, `,"verdict":`...), &v)
	return append(body, '}'), nil
}

func digest() string {
	return "sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
}

// flow is how many entries a second a log takes, and how long one waits.
type flow struct {
	perSecond float64
	p50, p99  time.Duration
}

// logging measures every log for each number of callers, in interleaved turns.
func logging(o *options, total time.Duration) error {
	body, err := entryBody()
	if err != nil {
		return err
	}
	for _, callers := range o.callers {
		flows, err := logRounds(o, callers, body, total/time.Duration(len(o.callers)))
		if err != nil {
			return err
		}
		t := newTable(o.out, fmt.Sprintf("Appends of %d bytes by %d callers (%s)", len(body), callers, o.dir), "", "entries/s", "p50", "p99", "of group commit alone")
		alone := slices.IndexFunc(logs(o), func(l logged) bool { return l.floor })
		for i, l := range logs(o) {
			of := "-"
			if alone >= 0 {
				of = fmt.Sprintf("%.2f", flows[i].perSecond/flows[alone].perSecond)
			}
			t.row(l.name, grouped(flows[i].perSecond), short(flows[i].p50), short(flows[i].p99), of)
		}
		t.end()
	}
	return nil
}

// logTurns is how often each log has its turn; the median of them counts.
const logTurns = 5

// logRounds gives every log a new folder at each turn, and closes it after: what a log puts off, it does before the next
// one's turn.
func logRounds(o *options, callers int, body []byte, total time.Duration) ([]flow, error) {
	turn := total / time.Duration(logTurns*len(logs(o)))
	samples := make([][]flow, len(logs(o)))
	for range logTurns {
		for i, l := range logs(o) {
			f, err := logTurn(o, l, callers, body, turn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.name, err)
			}
			samples[i] = append(samples[i], f)
		}
	}
	out := make([]flow, len(samples))
	for i := range out {
		slices.SortFunc(samples[i], func(a, b flow) int { return cmp.Compare(a.perSecond, b.perSecond) })
		out[i] = samples[i][logTurns/2]
	}
	return out, nil
}

func logTurn(o *options, l logged, callers int, body []byte, turn time.Duration) (flow, error) {
	dir, err := os.MkdirTemp(o.dir, "log-")
	if err != nil {
		return flow{}, err
	}
	defer os.RemoveAll(dir)
	a, err := l.open(dir, callers)
	if err != nil {
		return flow{}, err
	}
	f, err := flowOf(func() error { return a.append(body) }, callers, turn)
	return f, firstError(err, a.close())
}

// flowOf lets so many callers do it again and again for that long.
func flowOf(run func() error, callers int, during time.Duration) (flow, error) {
	waits := make([][]time.Duration, callers)
	errs := make([]error, callers)
	var wg sync.WaitGroup
	start := time.Now()
	for c := range callers {
		wg.Go(func() {
			for last := start; last.Sub(start) < during; {
				if errs[c] = run(); errs[c] != nil {
					return
				}
				now := time.Now()
				waits[c] = append(waits[c], now.Sub(last))
				last = now
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	all := slices.Concat(waits...)
	if err := firstError(errs...); err != nil {
		return flow{}, err
	}
	slices.Sort(all)
	return flow{float64(len(all)) / took.Seconds(), all[len(all)/2], all[len(all)*99/100]}, nil
}

// short writes a duration in microseconds, as all tables do.
func short(d time.Duration) string { return fmt.Sprintf("%.1f µs", float64(d)/1e3) }
