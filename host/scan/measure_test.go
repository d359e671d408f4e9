package scan_test

import (
	"testing"

	"agentmesh/host/scan"
)

// TestMeasure pins what the detectors do on made texts: a change that finds less or alarms more fails here. The figures
// are a little below (above) what was measured, for seeds differ.
func TestMeasure(t *testing.T) {
	for seed := range uint64(3) {
		r := scan.Measure(seed)
		for _, l := range r.Recall {
			t.Logf("%-12s %-34s %d/%d", l.Class, l.What, l.Found, l.Texts)
		}
		for _, c := range r.Clean {
			t.Logf("%-14s %d texts, %d bytes: pii %d, secrets %d, instructions %d %s", c.Corpus, c.Texts, c.Bytes, c.PII, c.Secrets, c.Instructions, c.Example)
		}
		for class, least := range map[string]float64{"pii": 0.98, "secret": 0.97, "instruction": 0.70} {
			if texts, found := r.Totals(class); float64(found) < least*float64(texts) {
				t.Errorf("seed %d: %s found in %d of %d texts, want at least %.0f %%", seed, class, found, texts, 100*least)
			}
		}
		texts, pii, secrets, instructions := r.FalseAlarms()
		for class, alarms := range map[string]int{"pii": pii, "secret": secrets, "instruction": instructions} {
			if float64(alarms) > 0.002*float64(texts) {
				t.Errorf("seed %d: %d false alarms of %s in %d clean texts, want at most 0.2 %%", seed, alarms, class, texts)
			}
		}
	}
}

func TestMeasureRepeats(t *testing.T) {
	a, b := scan.Measure(7), scan.Measure(7)
	for i := range a.Recall {
		if a.Recall[i] != b.Recall[i] {
			t.Errorf("the same seed gives %+v and %+v", a.Recall[i], b.Recall[i])
		}
	}
}

func TestPhrasesMissed(t *testing.T) {
	missed := 0
	for _, p := range scan.Phrases() {
		if scan.Find(p, scan.Instruction).Empty() {
			missed++
			t.Log("missed:", p)
		}
	}
	if missed > 8 {
		t.Errorf("%d phrases are missed, want at most 8", missed)
	}
}
