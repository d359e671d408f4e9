package rollout_test

import (
	"testing"
	"time"

	"agentmesh/host/rollout"
	"agentmesh/pdk/abi"
)

// BenchmarkChoice is what it costs to find out which judges of a set are asked, beside what they cost themselves: one version
// without dates, two with, and a canary with the active version beside it.
func BenchmarkChoice(b *testing.B) {
	for _, c := range []struct {
		name  string
		setUp func(m *mesh)
	}{
		{"one version", func(m *mesh) { m.stage(edition{version: "1.0.0"}, toActive) }},
		{"two versions by date", func(m *mesh) {
			m.stage(edition{version: "1.0.0"}, toActive)
			m.stage(edition{version: "2.0.0", from: "2027-02-01T00:00:00Z"}, toActive)
		}},
		{"shadow", func(m *mesh) {
			m.stage(edition{version: "1.0.0"}, toActive)
			m.stage(edition{version: "2.0.0"}, toShadow)
		}},
		{"canary", func(m *mesh) {
			m.stage(edition{version: "1.0.0"}, toActive)
			m.stage(edition{version: "2.0.0"}, toCanary(10))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := newMesh(b, meshOptions{setUp: c.setUp})
			set := m.wrapper.Wrap(m.watcher.Acquire())
			defer set.Release()
			q := request(b, "agent", "export")
			q.Context = q.Context.With("time", abi.StringValue("2026-11-23T08:00:00.000Z"))
			asked := 0
			b.ReportAllocs()
			for b.Loop() {
				for i := range set.Len() {
					if set.Judge(i).Applies(&q) {
						asked++
					}
				}
			}
			if asked == 0 {
				b.Fatal("nobody is asked")
			}
		})
	}
}

// BenchmarkObserver is what a decision pays for being counted: without a candidate, and for one.
func BenchmarkObserver(b *testing.B) {
	blobs := &blobs{}
	s, err := rollout.Open(b.TempDir(), rollout.Options{Blob: blobs.get})
	if err != nil {
		b.Fatal(err)
	}
	o := s.Observe(nil)
	defer o.Close()
	judged := &abi.Judged{Name: name, Version: "1.0.0"}
	b.Run("without candidates", func(b *testing.B) {
		for b.Loop() {
			o.Judged(judged, "")
		}
	})
	n := newcomer(b, edition{version: "1.0.0"}, blobs)
	for _, edit := range []func(l *rollout.Lock) (rollout.Change, error){
		func(l *rollout.Lock) (rollout.Change, error) { return l.Stage(n, time.Now()) },
		func(l *rollout.Lock) (rollout.Change, error) {
			return l.Promote(rollout.Promotion{Name: name, Version: "1.0.0", To: rollout.Shadow, Guard: &rollout.Guard{MaxErrors: ptr(1)}}, time.Now())
		},
	} {
		if _, err := s.Edit(b.Context(), edit); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.Modules(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("a guarded candidate", func(b *testing.B) {
		for b.Loop() {
			o.Judged(judged, "")
		}
	})
}
