package identity_test

import (
	"testing"

	"agentmesh/host/identity"
)

func BenchmarkSign(b *testing.B) {
	k := key(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Sign(identity.PurposePlugin, []byte("the rule of today")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	k := key(b)
	sig := sign(b, k, identity.PurposePlugin, "the rule of today")
	b.ReportAllocs()
	for b.Loop() {
		if err := k.Public().Verify(identity.PurposePlugin, []byte("the rule of today"), sig); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePublicKey(b *testing.B) {
	raw := key(b).Public().Bytes()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := identity.ParsePublicKey(raw); err != nil {
			b.Fatal(err)
		}
	}
}
