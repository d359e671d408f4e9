package release_test

import (
	"bytes"
	"testing"

	"agentmesh/host/release"
)

// FuzzEnvelope: what is read is written again and read as the same; nothing that is read panics when it is verified.
func FuzzEnvelope(f *testing.F) {
	e := attest(f, solo(), "dan")
	f.Add(text(e))
	f.Add(release.AppendEnvelopes(nil, []release.Envelope{e, attest(f, solo(), "ann")}))
	f.Add([]byte(`{"payload":"e30","payloadType":"x","signatures":[]}`))
	f.Add([]byte(`{"payload":"_-8=","payloadType":"x","signatures":[{"sig":"AA=="}]}`))
	root, err := release.ReadRoot(envelopeOf(acme()).Payload)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		es, err := release.ReadEnvelopes(src)
		if err != nil {
			return
		}
		again, err := release.ReadEnvelopes(release.AppendEnvelopes(nil, es))
		if err != nil || len(again) != len(es) {
			t.Fatalf("read once and not twice: %v", err)
		}
		for i := range es {
			if !bytes.Equal(es[i].Payload, again[i].Payload) || len(es[i].Signatures) != len(again[i].Signatures) {
				t.Fatalf("%+v became %+v", es[i], again[i])
			}
		}
		if len(es) > 0 {
			root.SignedBy(&es[0], root.Root)
		}
	})
}

// FuzzStatement: what is read has exactly one form, so that signers of one statement sign the same bytes.
func FuzzStatement(f *testing.F) {
	s := statement(f, solo())
	f.Add(s.Payload())
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"https://agentmesh.ai/plugin/v1","predicate":{}}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := release.ReadStatement(src)
		if err != nil {
			return
		}
		again, err := release.ReadStatement(s.Payload())
		if err != nil || !bytes.Equal(again.Payload(), s.Payload()) {
			t.Fatalf("%+v became %+v, %v", s, again, err)
		}
	})
}

func FuzzRoot(f *testing.F) {
	r := umbrella() // of one key: what takes time is reading keys
	f.Add(r.Payload())
	role := r.Root
	r.Index, r.Source = &role, "oci://registry.example.com/umbrella/index"
	r.Revoked = []release.Revocation{{Key: id("dan"), Reason: "laptop stolen"}, {Key: id("ida")}}
	f.Add(r.Payload())
	f.Fuzz(func(t *testing.T, src []byte) {
		r, err := release.ReadRoot(src)
		if err != nil {
			return
		}
		again, err := release.ReadRoot(r.Payload())
		if err != nil || !bytes.Equal(again.Payload(), r.Payload()) {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add(index(1, entry(f, solo()), entry(f, pair())).Payload())
	f.Add(index(2).Payload())
	f.Fuzz(func(t *testing.T, src []byte) {
		x, err := release.ReadIndex(src)
		if err != nil {
			return
		}
		again, err := release.ReadIndex(x.Payload())
		if err != nil || !bytes.Equal(again.Payload(), x.Payload()) {
			t.Fatalf("%+v became %+v, %v", x, again, err)
		}
	})
}

func FuzzPermit(f *testing.F) {
	f.Add(permit(f).Payload())
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := release.ReadPermit(src)
		if err != nil {
			return
		}
		again, err := release.ReadPermit(p.Payload())
		if err != nil || *again != *p {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
	})
}

// FuzzState: what is remembered is read as it was written, and a damaged state is an error and never a panic.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"roots":[],"marks":[]}`))
	f.Add([]byte(`{"version":1,"roots":[{"name":"acme","first":1,"root":{"version":2,"digest":"` + statementDigest("r") + `"},"index":{"version":5,"digest":"` + statementDigest("x") +
		`","until":"2026-11-01T12:00:00Z"},"only":["acme/*"],"gone":[{"id":"acme/a@1.0.0","wasm":"` + statementDigest("w") + `","manifest":"` + statementDigest("m") + `"}],"permits":["` + statementDigest("p") +
		`"]}],"marks":[{"plugin":"acme/a","version":"1.0.0","wasm":"` + statementDigest("w") + `","permitted":["` + statementDigest("v") + `"]}],"accepted":["` + statementDigest("w") + `"],"seen":"2026-11-01T12:00:00Z"}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		once, err := release.Remembered(src)
		if err != nil {
			return
		}
		twice, err := release.Remembered(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s, %v", once, twice, err)
		}
	})
}

func FuzzReceipt(f *testing.F) {
	f.Add([]byte(`{"name":"acme/a","version":"1.0.0","kind":"policy","wasm":"` + statementDigest("w") + `","manifest":"` + statementDigest("m") + `","size":1,"root":"acme","source":"oci://x/y:1"}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		once, err := release.Received(src)
		if err != nil {
			return
		}
		twice, err := release.Received(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s, %v", once, twice, err)
		}
	})
}
