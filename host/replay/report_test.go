package replay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/replay"
)

// nasty is what an agent or a rule could be called to get out of a page or to steer a terminal.
const nasty = "</td></table><script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{.}}\x1b[2J\u202e"

// sampleReport is a report with something everywhere.
func sampleReport(name string) *replay.Report {
	at := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	later := at.Add(26 * time.Hour)
	was := replay.Ruling{Decision: "allow", Code: "rule", Policy: "local/" + name, Rule: "reads", Reason: "rule reads applies " + name}
	now := replay.Ruling{Decision: "deny", Code: "rule", Policy: "eu.example/pii", Rule: name, Reason: "personal data may not leave " + name}
	counts := replay.Changes{NewlyDenied: 120, NewlyAllowed: 7, NewlyApproval: 31, OtherRule: 12}
	return &replay.Report{
		Mode: "candidate", Made: later, Scope: replay.Scope{Since: &at, Agent: name}, First: &at, Last: &later,
		Candidates: []replay.Candidate{{
			Name: "eu.example/pii", Version: "2.0.0", Digest: "sha256:" + strings.Repeat("ab", 32), Source: name, From: "2027-01-01T00:00:00Z",
			Replaces: []string{"1.4.2", name},
		}},
		Decisions: 18250, Replayed: 17900, Standing: 40, Unreplayed: 310, Identical: 9000, Same: 17730, Changed: 170, Changes: counts,
		Fuel:  replay.Fuel{Was: 91_400_000, Now: 93_000_000, Most: 12_345, At: "0/77"},
		Rules: []replay.RuleRow{{Change: replay.NewlyDenied, Was: was, Now: now, Count: 120, Sample: "0/1801"}},
		Agents: []replay.CountRow{
			{Name: name, Replayed: 9000, Changed: 160, Changes: counts},
			{Name: "did:mesh:data-analyst:k7q2mxk7q2mxk7q2mxk7q2mxk7", Replayed: 8900, Changed: 10, Changes: replay.Changes{NewlyDenied: 10}},
			{Name: "quiet", Replayed: 1},
		},
		Tools: []replay.CountRow{{Name: "server/" + name, Replayed: 17900, Changed: 170, Changes: counts}},
		Samples: []replay.Sample{
			{Change: replay.NewlyDenied, Place: "0/1801", ID: "0198", Time: later, Agent: name, Server: "mail", Tool: name, Was: was, Now: now, Differs: []string{"decision", "rule"}},
			{Change: replay.NewlyAllowed, Place: "1/12", ID: "0197", Time: at, Agent: "local", Type: "read", Was: now, Now: was, Differs: []string{"decision"}},
		},
		NotReplayed: []replay.ReasonRow{
			{Reason: "redacted", Detail: name, Count: 300, Samples: []string{"0/12", "0/9"}},
			{Reason: "module_missing", Detail: "sha256:00", Count: 10, Samples: []string{"0/3"}},
		},
		Stood:         []replay.ReasonRow{{Reason: "self_protected", Count: 40, Samples: []string{"0/5"}}},
		LimitsAssumed: 3, HostFailures: 2, Unenforced: 1, RowsLeftOut: 4, Sets: 6, Seconds: 0.25,
	}
}

// TestThePageIsOnePageAndNothingInItActs parses the page as a browser does.
func TestThePageIsOnePageAndNothingInItActs(t *testing.T) {
	var out bytes.Buffer
	if err := sampleReport(nasty).WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&out)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	tags := map[string]int{}
	for n := range doc.Descendants() {
		switch n.Type {
		case html.TextNode:
			if n.Parent.Data != "style" {
				text.WriteString(n.Data + "\n")
			}
		case html.ElementNode:
			tags[n.Data]++
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" || strings.Contains(a.Val, "url(") {
					t.Errorf("<%s %s=%q> acts or reaches out", n.Data, a.Key, a.Val)
				}
			}
		}
	}
	for _, tag := range []string{"script", "img", "iframe", "object", "link", "svg", "form"} {
		if tags[tag] > 0 {
			t.Errorf("%d <%s> in the page", tags[tag], tag)
		}
	}
	if tags["table"] != 6 || tags["tr"] != 6+1+2+1+2+2+1 || tags["h1"] != 1 || tags["title"] != 1 {
		t.Errorf("the page is made of %v", tags)
	}
	for _, want := range []string{
		"would have changed 170 of 17,900 decisions", "0/1801", "1/12", "newly denied", "<script>alert(1)</script>", `\x1b[2J`, `\u202e`,
		"2026-11-22 09:30:00 to 2026-11-23 11:30:00 UTC", "a rule reads what was kept out of the ledger", "as if it had been in force all the time",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(text.String(), "\x1b") {
		t.Error("a control character is in the page")
	}
}

func TestATerminalIsNotSteered(t *testing.T) {
	var out bytes.Buffer
	if err := sampleReport(nasty).WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' }); i >= 0 {
		t.Errorf("a control character at %d: %q", i, out.String()[max(0, i-20):i+5])
	}
}

func TestTheTableSaysWhatChanged(t *testing.T) {
	var out bytes.Buffer
	if err := sampleReport("mallory").WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"eu.example/pii 2.0.0 would have changed 170 of 17,900 decisions.\n", "  newly denied", "120    newly denied  allow by reads of local/mallory",
		"redacted        300    0/12 0/9", "note: In 3 decisions a limit was taken for unused",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, out.String())
		}
	}
}

func TestTheJSONReadsBack(t *testing.T) {
	want := sampleReport(nasty)
	var out bytes.Buffer
	if err := want.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got replay.Report
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".at" }, cmp.Ignore())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAWriterThatFailsIsToldOf(t *testing.T) {
	r := sampleReport("x")
	for name, write := range map[string]func(io.Writer) error{"table": r.WriteTable, "json": r.WriteJSON, "html": r.WriteHTML} {
		if err := write(full{}); err == nil {
			t.Errorf("%s: a full disk is no error", name)
		}
	}
}

// full is a disk that is.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("no space left on device") }
