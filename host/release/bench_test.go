package release_test

import (
	"crypto/rand"
	"fmt"
	"testing"

	"agentmesh/host/release"
	"agentmesh/host/wasm"
)

// BenchmarkVerifyPlugin is what it costs to decide whether a module is trusted once its bytes are here: two signatures of both
// halves, all digests, and the listing among a thousand versions. The aim is 2 ms.
func BenchmarkVerifyPlugin(b *testing.B) {
	for _, size := range []int{16 << 10, 700 << 10, 2400 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			filler := make([]byte, size)
			_, _ = rand.Read(filler)
			m := wasm.AppendCustom(pair(), "filler", filler)
			entries := []release.Entry{entry(b, m)}
			for i := range 999 {
				e := entries[0]
				e.Version = fmt.Sprintf("2.0.%d", i)
				entries = append(entries, e)
			}
			s := newSite(b)
			s.takes(index(1, entries...))
			c := release.Candidate{Module: m, Envelopes: []release.Envelope{attest(b, m, "ann", "bob")}, New: true}
			b.SetBytes(int64(len(m)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Check(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEpoch is what a host pays to look whether anything has changed.
func BenchmarkEpoch(b *testing.B) {
	s := newSite(b)
	s.takes(index(1, entry(b, solo())))
	b.ReportAllocs()
	for b.Loop() {
		if s.Epoch() == "" {
			b.Fatal("no epoch")
		}
	}
}
