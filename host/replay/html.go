package replay

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"agentmesh/host/terminal"
)

//go:embed page.html
var pageText string

// htmlRows is how many rows of a table the page shows.
const htmlRows = 50

// WriteHTML writes the report as one page that needs nothing else: no script, no style and no image from anywhere. Whatever
// agents and rules wrote is text in it and nothing more.
func (r *Report) WriteHTML(w io.Writer) error {
	page, err := template.New("page").Funcs(template.FuncMap{
		"number":  number,
		"percent": percent,
		"many":    many,
		"instant": instant,
		"explain": explain,
		"join":    strings.Join,
		"visible": terminal.Plain,
		"short":   shortVersion,
		"shorts":  shortVersions,
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := page.Execute(w, newPage(r)); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// page is what the template is given.
type page struct {
	*Report
	Title, Headline, Period string
	Audit                   bool
	Bars                    []bar
	RuleRows                []ruleLine
	AgentRows, ToolRows     []CountRow
	SampleRows              []sampleLine
	Notes                   []string
	// Left is how many rows of the tables the page does not show.
	LeftRules, LeftAgents, LeftTools int
}

// bar is one part of the whole.
type bar struct {
	Class, Label string
	Count        int64
	// Width is in hundredths of a percent of the whole, at least a sliver for anything.
	Width float64
}

type ruleLine struct {
	Class, Label, Was, Now, Sample string
	Count                          int64
}

type sampleLine struct {
	*Sample
	Class, Label, Action, WasName, NowName string
}

func newPage(r *Report) *page {
	p := &page{Report: r, Headline: r.headline(), Period: r.period(), Audit: r.Mode == modeAudit, Notes: r.notes()}
	p.Title = "Replay of recorded decisions: " + r.tried()
	if p.Audit {
		p.Title = "Audit of recorded decisions by replay"
	}
	p.bars()
	for i := range r.Rules {
		c := &r.Rules[i]
		p.RuleRows = append(p.RuleRows, ruleLine{string(c.Change), c.Change.label(), c.Was.name(), c.Now.name(), c.Sample, c.Count})
	}
	p.AgentRows, p.ToolRows = changedRows(r.Agents), changedRows(r.Tools)
	p.LeftRules, p.LeftAgents, p.LeftTools = head(&p.RuleRows), head(&p.AgentRows), head(&p.ToolRows)
	for i := range r.Samples {
		s := &r.Samples[i]
		p.SampleRows = append(p.SampleRows, sampleLine{s, string(s.Change), s.Change.label(), s.action(), s.Was.name(), s.Now.name()})
	}
	return p
}

// bars show how all decisions fall into parts.
func (p *page) bars() {
	add := func(class, label string, n int64) {
		if n > 0 {
			p.Bars = append(p.Bars, bar{class, label, n, max(0.4, 100*float64(n)/float64(p.Decisions))})
		}
	}
	same := p.Same
	label := "same decision by the same rule"
	if p.Audit {
		label = "exactly as recorded"
	}
	add("same", label, same)
	for _, c := range p.changes() {
		add(string(c.change), c.change.label(), c.count)
	}
	add("standing", "stands whatever the rules", p.Standing)
	add("unreplayed", "could not be replayed", p.Unreplayed)
}

// changedRows are those in which something changed; they come first.
func changedRows(rows []CountRow) []CountRow {
	for i := range rows {
		if rows[i].Changed == 0 {
			return rows[:i]
		}
	}
	return rows
}

// head leaves the first rows and says how many it left out.
func head[R any](rows *[]R) int {
	left := max(0, len(*rows)-htmlRows)
	*rows = (*rows)[:len(*rows)-left]
	return left
}
