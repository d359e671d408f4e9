package replay

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"agentmesh/host/terminal"
)

// tableRows is how many rows a table for the terminal shows.
const tableRows = 20

// WriteTable writes the report for a terminal. What agents and rules wrote cannot steer it: control characters come out
// escaped.
func (r *Report) WriteTable(w io.Writer) error {
	t := table{out: bufio.NewWriter(w)}
	t.summary(r)
	t.rules(r)
	t.counts("AGENT", r.Agents)
	t.counts("ACTION", r.Tools)
	t.samples(r)
	t.reasons("NOT REPLAYED", r.NotReplayed)
	t.reasons("STANDS", r.Stood)
	for i, note := range r.notes() {
		if i == 0 {
			t.line("")
		}
		t.line("note: " + note)
	}
	return t.out.Flush()
}

type table struct{ out *bufio.Writer }

func (t *table) line(s string) {
	t.out.WriteString(strings.TrimRight(terminal.Plain(s), " "))
	t.out.WriteByte('\n')
}

func (t *table) summary(r *Report) {
	t.line(r.headline())
	t.line("")
	facts := [][]string{{"period", r.period()}}
	for _, c := range r.Candidates {
		text := c.Name + " " + shortVersion(c.Version)
		if c.Source != "" {
			text += " (" + c.Source + ")"
		}
		if len(c.Replaces) > 0 {
			text += ", in place of " + shortVersions(c.Replaces)
		}
		facts = append(facts, []string{"candidate", text})
	}
	count := func(name string, n int64) { facts = append(facts, []string{name, number(n)}) }
	count("decisions", r.Decisions)
	count("replayed", r.Replayed)
	if r.Mode == modeAudit {
		count("identical", r.Identical)
	}
	count("same", r.Same)
	count("changed", r.Changed)
	for _, c := range r.changes() {
		if c.count > 0 {
			count("  "+c.change.label(), c.count)
		}
	}
	count("stand", r.Standing)
	count("not replayed", r.Unreplayed)
	if r.Fuel.Was > 0 || r.Fuel.Now > 0 {
		facts = append(facts, []string{"fuel", number(r.Fuel.Was) + " then, " + number(r.Fuel.Now) + " now, at most " + number(r.Fuel.Most) + " " + atPlace(r.Fuel.At)})
	}
	t.rows(nil, facts)
}

func atPlace(place string) string {
	if place == "" {
		return ""
	}
	return "(" + place + ")"
}

type changeCount struct {
	change Change
	count  int64
}

func (r *Report) changes() []changeCount {
	c := r.Changes
	return []changeCount{
		{NewlyDenied, c.NewlyDenied},
		{NewlyAllowed, c.NewlyAllowed},
		{NewlyApproval, c.NewlyApproval},
		{OtherRule, c.OtherRule},
		{OtherText, c.OtherText},
	}
}

func (t *table) rules(r *Report) {
	var rows [][]string
	for i := range r.Rules {
		c := &r.Rules[i]
		rows = append(rows, []string{number(c.Count), c.Change.label(), c.Was.name(), c.Now.name(), c.Sample})
	}
	t.section([]string{"COUNT", "CHANGE", "WAS", "NOW", "NEWEST"}, rows)
}

func (t *table) counts(what string, list []CountRow) {
	var rows [][]string
	for i := range list {
		c := &list[i]
		if c.Changed == 0 {
			break // they come last
		}
		rows = append(rows, []string{
			c.Name, number(c.Replayed), number(c.Changed), number(c.Changes.NewlyDenied), number(c.Changes.NewlyAllowed),
			number(c.Changes.NewlyApproval),
		})
	}
	t.section([]string{what, "REPLAYED", "CHANGED", "DENIED", "ALLOWED", "APPROVAL"}, rows)
}

func (t *table) samples(r *Report) {
	var rows [][]string
	for i := range r.Samples {
		s := &r.Samples[i]
		row := []string{s.Place, instant(s.Time), s.Agent, s.action(), s.Was.name(), s.Now.name()}
		if r.Mode == modeAudit { // a candidate is another judge, so most of a verdict differs
			row = append(row, strings.Join(s.Differs, " "))
		}
		rows = append(rows, row)
	}
	header := []string{"ENTRY", "TIME", "AGENT", "ACTION", "WAS", "NOW", "DIFFERS IN"}
	if r.Mode != modeAudit {
		header = header[:6]
	}
	t.section(header, rows)
}

func (t *table) reasons(what string, list []ReasonRow) {
	var rows [][]string
	for _, n := range list {
		text := explain(n.Reason)
		if n.Detail != "" {
			text += ": " + n.Detail
		}
		rows = append(rows, []string{n.Reason, number(n.Count), strings.Join(n.Samples, " "), text})
	}
	t.section([]string{what, "COUNT", "ENTRIES", "BECAUSE"}, rows)
}

// section writes a table after an empty line, unless it is empty.
func (t *table) section(header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	left := len(rows) - tableRows
	t.line("")
	t.rows(header, rows[:min(len(rows), tableRows)])
	if left > 0 {
		t.line(fmt.Sprintf("… and %d more; -o json has them all", left))
	}
}

func (t *table) rows(header []string, rows [][]string) {
	if header != nil {
		rows = append([][]string{header}, rows...)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = shorten(terminal.Plain(row[i]))
		}
	}
	_ = terminal.Columns(t.out, rows, nil) // what fails shows when it is flushed
}

// widest is the most characters of a cell.
const widest = 160

func shorten(s string) string {
	if utf8.RuneCountInString(s) <= widest {
		return s
	}
	return string([]rune(s)[:widest-1]) + "…"
}
