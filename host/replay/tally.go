package replay

import (
	"slices"
	"strings"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
)

// mostRows bounds what one worker remembers by name: beyond it names are counted together. Agents may be many, and what
// a damaged ledger names is anything.
const mostRows = 50_000

// shownRows is how many rows of each table a report has.
const shownRows = 1000

// placesShown is how many places are named for one reason.
const placesShown = 5

// otherNames is the row of those that are counted together.
const otherNames = "(others)"

// tally is what one worker counts.
type tally struct {
	samplesWanted int
	audit         bool
	first, last   time.Time
	report        Report // its plain counts
	rules         map[ruleKey]*ruleCount
	agents, tools map[string]*CountRow
	missed, stood reasons
	samples       map[Change][]Sample
	dearest       sampled
	candidates    []Candidate // whose predecessors are looked for
	replaced      map[predecessor]bool
	name          []byte
}

type ruleKey struct {
	change   Change
	was, now Ruling
}

type ruleCount struct {
	count  int64
	newest sampled
}

// sampled is an entry that may be shown.
type sampled struct {
	time time.Time
	at   ledger.ID
}

// before orders entries for showing: the newest first, and of one time the later in the ledger.
func (s sampled) before(t sampled) bool {
	if !s.time.Equal(t.time) {
		return s.time.After(t.time)
	}
	if s.at.Shard != t.at.Shard {
		return s.at.Shard < t.at.Shard
	}
	return s.at.Index > t.at.Index
}

func compareSampled(s, t sampled) int {
	switch {
	case s.before(t):
		return -1
	case t.before(s):
		return 1
	default:
		return 0
	}
}

// predecessor is a version that decided where a candidate does now.
type predecessor struct{ name, version string }

func newTally(o *Options) *tally {
	return &tally{
		samplesWanted: o.Samples, audit: o.mode() == modeAudit, rules: make(map[ruleKey]*ruleCount), agents: make(map[string]*CountRow),
		tools: make(map[string]*CountRow), missed: make(reasons), stood: make(reasons), samples: make(map[Change][]Sample),
		candidates: o.Candidates, replaced: make(map[predecessor]bool),
	}
}

// entry notes that a decision was looked at.
func (t *tally) entry(r *ledger.Record) {
	if t.first.IsZero() || r.Time.Before(t.first) {
		t.first = r.Time
	}
	if r.Time.After(t.last) {
		t.last = r.Time
	}
}

func (t *tally) enforced(yes bool) {
	if !yes {
		t.report.Unenforced++
	}
}

// not counts a decision that could not be made again.
func (t *tally) not(r *ledger.Record, reason, detail string) {
	t.report.Decisions++
	t.report.Unreplayed++
	t.missed.count(reason, detail, r)
}

// stands counts a decision that no judge made.
func (t *tally) stands(r *ledger.Record, code string) {
	t.report.Decisions++
	t.report.Standing++
	t.stood.count(code, "", r)
}

// decided counts a decision that was made again.
func (t *tally) decided(r *ledger.Record, then *gate.Recorded, now *gate.Redecided, identical bool) {
	p := &t.report
	p.Decisions++
	p.Replayed++
	if identical {
		p.Identical++
	}
	if now.Assumed > 0 {
		p.LimitsAssumed++
	}
	if now.Host > 0 {
		p.HostFailures++
	}
	t.fuel(r, then, now)
	t.predecessors(then)
	change := t.change(then, now, identical)
	t.row(t.agents, r.Agent, change)
	t.name = appendAction(t.name[:0], r, then)
	t.row(t.tools, string(t.name), change)
	if change == None {
		p.Same++
		return
	}
	p.Changed++
	p.Changes.count(change)
	t.changed(change, r, then, now)
}

func (t *tally) change(then *gate.Recorded, now *gate.Redecided, identical bool) Change {
	if identical {
		return None
	}
	change := changeOf(&then.Verdict, &now.Verdict)
	if change == None && t.audit {
		return OtherText
	}
	return change
}

func (t *tally) fuel(r *ledger.Record, then *gate.Recorded, now *gate.Redecided) {
	f := &t.report.Fuel
	for i := range then.Verdict.Judges {
		f.Was += then.Verdict.Judges[i].Fuel
	}
	f.Now += now.Fuel
	dearest := sampled{r.Time, r.At}
	if now.Fuel > f.Most || now.Fuel == f.Most && now.Fuel > 0 && dearest.before(t.dearest) {
		f.Most, t.dearest = now.Fuel, dearest
	}
}

// predecessors notes which versions took part under a candidate's name.
func (t *tally) predecessors(then *gate.Recorded) {
	for i := range t.candidates {
		for j := range then.Verdict.Judges {
			judged := &then.Verdict.Judges[j]
			p := predecessor{judged.Name, judged.Version}
			if judged.Name == t.candidates[i].Name && !t.replaced[p] && len(t.replaced) < shownRows {
				t.replaced[predecessor{strings.Clone(p.name), strings.Clone(p.version)}] = true
			}
		}
	}
}

// row counts a decision under a name.
func (t *tally) row(rows map[string]*CountRow, name string, change Change) {
	row := rows[name]
	if row == nil && len(rows) >= mostRows {
		name = otherNames
		row = rows[name]
	}
	if row == nil {
		row = &CountRow{Name: strings.Clone(name)}
		rows[row.Name] = row
	}
	row.Replayed++
	if change != None {
		row.Changed++
		row.Changes.count(change)
	}
}

func (t *tally) changed(change Change, r *ledger.Record, then *gate.Recorded, now *gate.Redecided) {
	key := ruleKey{change: change, was: rulingOf(&then.Verdict), now: rulingOf(&now.Verdict)}
	n := t.rules[key]
	if n == nil && len(t.rules) >= mostRows {
		key = ruleKey{change: change, was: Ruling{Rule: otherNames}, now: Ruling{Rule: otherNames}}
		n = t.rules[key]
	}
	at := sampled{r.Time, r.At}
	if n == nil {
		n = &ruleCount{newest: at}
		key.was.clone()
		key.now.clone()
		t.rules[key] = n
	}
	n.count++
	if at.before(n.newest) {
		n.newest = at
	}
	t.sample(change, at, func() Sample { return sampleOf(change, r, then, now) })
}

// sample keeps a decision if it is among the newest.
func (t *tally) sample(change Change, at sampled, of func() Sample) {
	list := t.samples[change]
	full := len(list) >= t.samplesWanted
	if full && !at.before(list[len(list)-1].sampled()) {
		return
	}
	if full {
		list = list[:len(list)-1]
	}
	i, _ := slices.BinarySearchFunc(list, at, func(s Sample, at sampled) int { return compareSampled(s.sampled(), at) })
	t.samples[change] = slices.Insert(list, i, of())
}

// reasons counts by reason and detail.
type reasons map[[2]string]*reasonCount

type reasonCount struct {
	count  int64
	places []sampled // the newest first
}

func (m reasons) count(reason, detail string, r *ledger.Record) {
	key := [2]string{reason, detail}
	n := m[key]
	if n == nil && len(m) >= shownRows {
		key[1] = otherNames
		n = m[key]
	}
	if n == nil {
		n = &reasonCount{}
		m[[2]string{strings.Clone(key[0]), strings.Clone(key[1])}] = n
	}
	n.count++
	n.place(sampled{r.Time, r.At})
}

func (n *reasonCount) place(at sampled) {
	if len(n.places) == placesShown && !at.before(n.places[placesShown-1]) {
		return
	}
	i, _ := slices.BinarySearchFunc(n.places, at, compareSampled)
	n.places = slices.Insert(n.places, i, at)
	n.places = n.places[:min(len(n.places), placesShown)]
}
