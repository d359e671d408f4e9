package identity_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"agentmesh/host/identity"
)

// published reads vectors that lie beside the checkout; where they do not, the test is skipped.
func published(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "mldsa", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the published vectors %s are not beside this checkout", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestCompositeVectors holds keys and signatures against the vectors of the draft.
func TestCompositeVectors(t *testing.T) {
	var file struct {
		M, Ctx []byte
		Tests  []struct {
			TcID                                  string
			Pk, X5c, Sk, SkPKCS8, S, SWithContext []byte
		}
	}
	published(t, "lamps_composite_mldsa65_ed25519_sha512.json", &file)
	found := false
	for _, v := range file.Tests {
		if v.TcID != "id-MLDSA65-Ed25519-SHA512" {
			continue
		}
		found = true
		private, err := identity.FromSeed(v.Sk)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(private.Public().Bytes(), v.Pk) {
			t.Error("the seed gives another public key")
		}
		public, err := identity.ParsePublicKey(v.Pk)
		if err != nil {
			t.Fatal(err)
		}
		if err := public.VerifyIn("", file.M, v.S); err != nil {
			t.Errorf("without a context: %v", err)
		}
		if err := public.VerifyIn(string(file.Ctx), file.M, v.SWithContext); err != nil {
			t.Errorf("with a context: %v", err)
		}
		if err := public.VerifyIn("", file.M, v.SWithContext); !errors.Is(err, identity.ErrSignature) {
			t.Errorf("the signature with a context, without it: got %v", err)
		}
		certificate(t, v.X5c, public)
	}
	if !found {
		t.Fatal("the file has no vector of the algorithm")
	}
}

// certificate checks that the draft's own certificate carries the key in the form that ParsePublic reads, and is signed by
// itself with an empty context.
func certificate(t *testing.T, der []byte, want *identity.PublicKey) {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	got, err := identity.ParsePublic(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: c.RawSubjectPublicKeyInfo}))
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(want) {
		t.Error("the certificate's key is another")
	}
	if err := got.VerifyIn("", c.RawTBSCertificate, c.Signature); err != nil {
		t.Errorf("the certificate's signature: %v", err)
	}
}
