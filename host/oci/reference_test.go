package oci_test

import (
	"strings"
	"testing"

	"agentmesh/host/oci"
)

const someDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestReferencesRefused(t *testing.T) {
	for _, text := range []string{
		"", "rules", "localhost:5000/rules:1", "oci://", "oci://host", "oci://host/", "oci:///rules", "http://host/rules",
		"oci://host/Rules", "oci://host/rules:", "oci://host/rules:a b", "oci://host/rules:-x", "oci://host/../rules",
		"oci://host/rules//eu", "oci://user@host/rules", "oci://user:secret@host/rules", "oci://host:port/rules",
		"oci://host/rules@sha256:abc", "oci://host/rules@md5:d41d8cd98f00b204e9800998ecf8427e",
		"oci://host/rules@" + strings.ToUpper(someDigest), "oci://host/rules@" + someDigest + "/x",
		"oci://host/rules:" + strings.Repeat("x", 129), "oci://host/" + strings.Repeat("x/", 200) + "x",
		"oci://host?x/rules", "oci://host#x/rules", "oci://host/rules\n", "oci-layout://", "oci-layout://:tag",
		"oci-layout://dir:a b", "oci-layout://dir@sha256:abc", "file://", "file://a\x00b", "file://" + strings.Repeat("x", 5000),
	} {
		_, err := oci.ParseReference(text)
		if oci.CodeOf(err) != "reference_invalid" {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestReferences(t *testing.T) {
	for text, want := range map[string]oci.Reference{
		"oci://ghcr.io/org/rules":                       {Scheme: "oci", Registry: "ghcr.io", Repository: "org/rules"},
		"oci://localhost:5000/rules:1.0.0":              {Scheme: "oci", Registry: "localhost:5000", Repository: "rules", Tag: "1.0.0"},
		"oci://[::1]:5000/rules:1":                      {Scheme: "oci", Registry: "[::1]:5000", Repository: "rules", Tag: "1"},
		"oci://h/rules@" + someDigest:                   {Scheme: "oci", Registry: "h", Repository: "rules", Digest: someDigest},
		"oci://h/rules:1@" + someDigest:                 {Scheme: "oci", Registry: "h", Repository: "rules", Tag: "1", Digest: someDigest},
		"oci-layout:///mnt/usb/rules":                   {Scheme: "oci-layout", Path: "/mnt/usb/rules"},
		"oci-layout://./a:b/rules:1":                    {Scheme: "oci-layout", Path: "./a:b/rules", Tag: "1"},
		"oci-layout:///mnt/me@home/rules@" + someDigest: {Scheme: "oci-layout", Path: "/mnt/me@home/rules", Digest: someDigest},
		"oci-layout://rules@home":                       {Scheme: "oci-layout", Path: "rules@home"},
		"file:///rules/eu.wasm":                         {Scheme: "file", Path: "/rules/eu.wasm"},
		"file://eu:1.wasm":                              {Scheme: "file", Path: "eu:1.wasm"},
	} {
		got, err := oci.ParseReference(text)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("%s is written %s", text, got)
		}
	}
}

// TestALoginInAReferenceIsNotRepeated, and what to do instead is said.
func TestALoginInAReferenceIsNotRepeated(t *testing.T) {
	for _, text := range []string{"oci://op:hush@h/rules:1", "op:hush@h/rules", "https://op:hush@h/rules@" + someDigest} {
		_, err := oci.ParseReference(text)
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	for _, text := range []string{
		"oci://h:1/a/b:t@" + someDigest, "oci-layout:///d:t@" + someDigest, "file://a:b@c", "oci-layout://d@e:f", "oci-layout://x:",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := oci.ParseReference(text)
		if err != nil {
			if oci.CodeOf(err) != "reference_invalid" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if again, err := oci.ParseReference(ref.String()); err != nil || again != ref {
			t.Fatalf("%q is written %q, which reads %+v, %v; want %+v", text, ref, again, err, ref)
		}
	})
}
