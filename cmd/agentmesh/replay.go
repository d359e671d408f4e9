package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host/ledger"
	"agentmesh/host/oci"
	"agentmesh/host/replay"
	"agentmesh/host/sandbox"
)

// replaying is what the commands that decide the past again have in common.
type replaying struct {
	audit
	archive string
	samples int
	output  *string
	out     string
}

func (r *replaying) flags(c *cobra.Command) {
	r.place(c)
	r.choose(c, "decisions")
	f := c.Flags()
	f.StringVar(&r.archive, "archive", "", "folder that keeps past rules (default: that of the state folder)")
	f.IntVar(&r.samples, "samples", 20, "how many decisions to show of each kind of change")
	f.StringVar(&r.out, "out", "", "write the report to this file")
	r.output = format(c, "table", "json", "html")
}

// past opens the archive of past rules, to make its sets again.
func (r *replaying) past(o replay.PastOptions) (*replay.Past, error) {
	dir, depot := r.archive, ""
	if dir == "" {
		state, err := r.env.state()
		if err != nil {
			return nil, err
		}
		dir, depot = state.ArchiveDir(), filepath.Join(state.PluginDir(), "blobs")
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("there is no archive of past rules in %s", dir), "hosts keep one in the state folder; name another by --archive")
	}
	var also []*oci.Blobs
	if _, err := os.Stat(depot); depot != "" && err == nil {
		blobs, err := oci.OpenBlobs(depot)
		if err != nil {
			return nil, err
		}
		also = append(also, blobs)
	}
	archive, err := replay.OpenArchive(dir, also...)
	if err != nil {
		return nil, err
	}
	return replay.NewPast(archive, o), nil
}

// sandboxOptions let plugins be tried and compiled by a process of its own first. What was compiled is kept where hosts keep
// it, or for the time of the command where there is no state folder; done removes that.
func (e *env) sandboxOptions() (o sandbox.Options, done func() error, err error) {
	done = func() error { return nil }
	state, err := e.state()
	if err != nil {
		return o, done, err
	}
	o.CacheDir = state.CacheDir()
	if _, err := os.Stat(o.CacheDir); err != nil {
		if o.CacheDir, err = os.MkdirTemp("", "agentmesh-replay-"); err != nil {
			return o, done, err
		}
		done = func() error { return os.RemoveAll(o.CacheDir) }
	}
	command, err := sandbox.SelfAdmission()
	if err != nil {
		return o, done, err
	}
	a, err := sandbox.NewAdmitter(sandbox.AdmitOptions{Command: command, CacheDir: o.CacheDir})
	if err != nil {
		return o, done, err
	}
	o.Admission = a.Admit
	return o, done, nil
}

// run replays and prints the report. An audit that finds what must not be ends with exit code 3.
func (r *replaying) run(ctx context.Context, o replay.Options) (err error) {
	if o.Filter, err = r.filter(time.Now()); err != nil {
		return err
	}
	if r.samples < 1 {
		return usage("", "--samples is 1 or more")
	}
	dir, err := r.ledgerDir()
	if err != nil {
		return err
	}
	o.Reader, o.Samples = ledger.NewReader(dir, nil), r.samples
	bar := r.env.progress("entries")
	o.Progress = bar.show
	report, err := replay.Run(ctx, o)
	bar.clear()
	if err != nil {
		return err
	}
	if err := r.print(report); err != nil {
		return err
	}
	switch {
	case report.Differs():
		return told(exitDenied)
	case report.Replayed == 0 && report.Unreplayed > 0:
		return withHint(errors.New("no decision could be made again"), "the report says why, decision by decision")
	}
	return nil
}

func (r *replaying) print(report *replay.Report) error {
	var text bytes.Buffer
	write := report.WriteTable
	switch *r.output {
	case "json":
		write = report.WriteJSON
	case "html":
		write = report.WriteHTML
	}
	if err := write(&text); err != nil {
		return err
	}
	if r.out == "" {
		_, err := r.env.stdout.Write(text.Bytes())
		return err
	}
	// It names agents and what they did, as the ledger does, which only its owner may read.
	if err := os.WriteFile(r.out, text.Bytes(), 0o600); err != nil {
		return err
	}
	r.env.printf("%s\n", r.out)
	return nil
}
