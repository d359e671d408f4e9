package release

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// What the in-toto statement of a plugin says of itself.
const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://agentmesh.ai/plugin/v1"
	// manifestSubject names the manifest among the subjects; it is the name of the custom section.
	manifestSubject = abi.SectionManifest
)

// Statement says what a module is: what signers of a plugin sign, and what an index lists.
type Statement struct {
	Name, Version, Kind string
	ABI                 int64
	Effects             []string
	// From and Until are the effective dates as the manifest has them, RFC 3339; empty: no bound.
	From, Until string
	Publisher   string
	// Wasm is the digest of the whole module file, Manifest that of the bytes of its section agentmesh.plugin.
	Wasm, Manifest string
}

// StatementOf reads what a module says of itself, and takes its digests. The module is the file as a host loads it, with its
// manifest as custom section.
func StatementOf(module []byte) (Statement, error) {
	body, ok, err := wasm.Custom(module, abi.SectionManifest)
	if err != nil {
		return Statement{}, &Refusal{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	if !ok {
		return Statement{}, &Refusal{Code: abi.CodeManifestInvalid, Detail: "the module has no manifest", Mend: "agentmesh plugin build puts it in"}
	}
	return statementOf(digestOf(module), body)
}

func statementOf(wasmDigest string, manifest []byte) (Statement, error) {
	m, err := abi.ReadManifest(string(manifest))
	if err != nil {
		return Statement{}, &Refusal{Code: abi.CodeManifestInvalid, Detail: err.Error()}
	}
	if err := checkDates(m.EffectiveFrom, m.EffectiveUntil); err != nil {
		return Statement{}, &Refusal{Code: abi.CodeManifestInvalid, Detail: err.Error(), Mend: "write dates like 2026-08-02T00:00:00Z"}
	}
	return Statement{
		Name: m.Name, Version: m.Version, Kind: m.Kind, ABI: abi.Version, Effects: m.Effects, From: m.EffectiveFrom, Until: m.EffectiveUntil,
		Publisher: m.Publisher, Wasm: wasmDigest, Manifest: digestOf(manifest),
	}, nil
}

// checkDates holds that effective dates are RFC 3339 and in order.
func checkDates(from, until string) error {
	var times [2]time.Time
	for i, s := range []string{from, until} {
		if s == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return fmt.Errorf("effective date %q is no RFC 3339 time", s)
		}
		times[i] = t
	}
	if from != "" && until != "" && !times[0].Before(times[1]) {
		return fmt.Errorf("effective_until %s is not after effective_from %s", until, from)
	}
	return nil
}

// Payload is the statement in in-toto's form. It depends on nothing but the statement, so that several signers sign the
// same bytes.
func (s *Statement) Payload() []byte {
	return abi.AppendJSON(nil, abi.ObjectValue(
		text("_type", statementType),
		member("subject", abi.ListValue(subject(s.Name+".wasm", s.Wasm), subject(manifestSubject, s.Manifest))),
		text("predicateType", predicateType),
		member("predicate", abi.ObjectValue(
			text("name", s.Name), text("version", s.Version), text("kind", s.Kind), number("abi", s.ABI), texts("effects", s.Effects),
			text("effective_from", s.From), text("effective_until", s.Until), text("publisher", s.Publisher),
		)),
	))
}

func subject(name, digest string) abi.Value {
	return abi.ObjectValue(text("name", name),
		member("digest", abi.ObjectValue(text("sha256", strings.TrimPrefix(digest, digestPrefix)))))
}

// Envelope is the statement ready to be signed.
func (s *Statement) Envelope() Envelope {
	return Envelope{PayloadType: TypeStatement, Payload: s.Payload()}
}

// ReadStatement reads a payload as Payload writes it, strictly. Signatures are not looked at.
func ReadStatement(payload []byte) (Statement, error) {
	if len(payload) > maxSmallPayload {
		return Statement{}, fmt.Errorf("statement: %d bytes; at most %d are read", len(payload), maxSmallPayload)
	}
	f := readFields(payload, "statement")
	f.is("_type", statementType)
	f.is("predicateType", predicateType)
	subjects := f.list("subject", 2)
	p := fieldsOf(f.take("predicate"), "statement: predicate")
	if err := f.end(); err != nil {
		return Statement{}, err
	}
	s := Statement{
		Name: p.text("name"), Version: p.text("version"), Kind: p.text("kind"), ABI: p.count("abi"), Effects: p.texts("effects", 16),
		From: p.maybe("effective_from"), Until: p.maybe("effective_until"), Publisher: p.maybe("publisher"),
	}
	if err := p.end(); err != nil {
		return Statement{}, err
	}
	var err error
	if len(subjects) != 2 {
		return Statement{}, fmt.Errorf("statement: %d subjects, want the module and its manifest", len(subjects))
	}
	if s.Wasm, err = subjectDigest(subjects[0].Value, s.Name+".wasm"); err != nil {
		return Statement{}, err
	}
	s.Manifest, err = subjectDigest(subjects[1].Value, manifestSubject)
	return s, err
}

func subjectDigest(v abi.Value, name string) (string, error) {
	f := fieldsOf(v, "statement: subject")
	f.is("name", name)
	d := fieldsOf(f.take("digest"), "statement: subject: digest")
	if err := f.end(); err != nil {
		return "", err
	}
	digest := digestPrefix + d.text("sha256")
	if err := d.end(); err != nil {
		return "", err
	}
	if _, err := hex.DecodeString(digest[len(digestPrefix):]); err != nil || !validDigest(digest) {
		return "", fmt.Errorf("statement: subject %s: its sha256 is no 64 hexadecimal digits", name)
	}
	return digest, nil
}

// compare says how a signed statement differs from the module it came with; nil: in nothing. What it is called comes first,
// then its bytes: a statement of other bytes differs in more, and that would only hide it.
func (s *Statement) compare(module *Statement) *Refusal {
	if r := differ(CodeStatementMismatch, "name", s.Name, module.Name); r != nil {
		return r
	}
	if r := differ(CodeStatementMismatch, "version", s.Version, module.Version); r != nil {
		return r
	}
	if s.Wasm != module.Wasm {
		return &Refusal{Code: CodeDigestMismatch, Detail: fmt.Sprintf("what was signed is the module %s, this one is %s", s.Wasm, module.Wasm)}
	}
	if s.Manifest != module.Manifest {
		return &Refusal{Code: CodeDigestMismatch, Detail: fmt.Sprintf("what was signed has the manifest %s, this one %s", s.Manifest, module.Manifest)}
	}
	for _, c := range [][3]string{
		{"kind", s.Kind, module.Kind},
		{"abi", fmt.Sprint(s.ABI), fmt.Sprint(module.ABI)},
		{"effects", fmt.Sprintf("%q", s.Effects), fmt.Sprintf("%q", module.Effects)},
		{"effective_from", s.From, module.From},
		{"effective_until", s.Until, module.Until},
		{"publisher", s.Publisher, module.Publisher},
	} {
		if r := differ(CodeStatementMismatch, c[0], c[1], c[2]); r != nil {
			return r
		}
	}
	return nil
}

func differ(code abi.Code, what, signed, here string) *Refusal {
	if signed == here {
		return nil
	}
	return &Refusal{Code: code, Detail: fmt.Sprintf("what was signed says %s %q, the module %q", what, signed, here)}
}
