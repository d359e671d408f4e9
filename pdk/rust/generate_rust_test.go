package rust_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

const header = `// Generated from pdk/abi by go test ./pdk/rust -run Contract -update. Do not edit.

//! The messages of the contract: what a plugin is given and what it answers.

use crate::fields::{Fields, Message, Object, Reading};
use crate::{Abi, Error, Value, json};
use serde::{Deserialize, Serialize};

`

// contract is src/contract.rs, not yet laid out.
func contract(t *testing.T) []byte {
	s := parseABI(t)
	b := bytes.NewBufferString(header)
	s.version(b)
	s.enumeration(b, "Decision", "Deny")
	s.enumeration(b, "OutcomeStatus", "Error")
	s.codes(b)
	s.obligation(b)
	for _, m := range messages() {
		s.message(b, m)
	}
	s.request(b)
	return b.Bytes()
}

func (s *source) version(b *bytes.Buffer) {
	b.WriteString("/// The contract's number, the member \"abi\" of every message.\n")
	fmt.Fprintf(b, "pub const VERSION: i64 = %s;\n\n", s.versionNumber())
}

func (s *source) versionNumber() string {
	body := s.function("AppendRequest").Body
	var out string
	ast.Inspect(body, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && strings.HasPrefix(lit.Value, "`{\"abi\":") {
			out = strings.Trim(strings.TrimPrefix(lit.Value, "`{\"abi\":"), "`")
		}
		return true
	})
	if out == "" {
		s.t.Fatal("AppendRequest does not say the contract's number any more")
	}
	return out
}

// enumeration writes a closed set of words. A decision or a status that was never given is the one that harms least.
func (s *source) enumeration(b *bytes.Buffer, name, byDefault string) {
	doc(b, s.docs[name])
	b.WriteString("#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]\n")
	fmt.Fprintf(b, "#[serde(rename_all = \"snake_case\")]\npub enum %s {\n", name)
	var words []string
	for _, c := range s.consts {
		if c.kind != name {
			continue
		}
		words = append(words, c.value)
		if camel(c.value) == byDefault {
			b.WriteString("#[default]\n")
		}
		fmt.Fprintf(b, "/// `%s`\n%s,\n", c.value, camel(c.value))
	}
	if len(words) == 0 {
		s.t.Fatalf("abi.%s has no values", name)
	}
	fmt.Fprintf(b, "}\n\nimpl %s {\n/// The word that stands in messages.\npub fn as_str(self) -> &'static str {\nmatch self {\n", name)
	for _, w := range words {
		fmt.Fprintf(b, "%s::%s => %q,\n", name, camel(w), w)
	}
	fmt.Fprintf(b, "}\n}\n\n/// What a word of a message means, if anything.\npub fn parse(word: &str) -> Option<Self> {\nmatch word {\n")
	for _, w := range words {
		fmt.Fprintf(b, "%q => Some(%s::%s),\n", w, name, camel(w))
	}
	b.WriteString("_ => None,\n}\n}\n}\n\n")
	fmt.Fprintf(b, "impl<'a> Message<'a> for %s {\n", name)
	fmt.Fprintf(b, "fn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {\nv.str().and_then(Self::parse).ok_or_else(|| Error::new(\"must be one of %s\"))\n}\n\n", strings.Join(words, ", "))
	b.WriteString("fn append(&self, out: &mut String) {\njson::append_string(out, self.as_str());\n}\n}\n\n")
}

func (s *source) codes(b *bytes.Buffer) {
	b.WriteString("/// Why a verdict came out as it did. Codes are stable, and more of them may come.\npub mod code {\n")
	for _, c := range s.consts {
		if c.kind == "Code" {
			doc(b, c.doc)
			fmt.Fprintf(b, "pub const %s: &str = %q;\n", strings.ToUpper(c.value), c.value)
		}
	}
	b.WriteString("}\n\n")
}

// obligation writes the one message whose members depend on its kind.
func (s *source) obligation(b *bytes.Buffer) {
	kinds := s.kinds()
	doc(b, s.docs["Obligation"])
	b.WriteString("#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]\n")
	b.WriteString("#[serde(tag = \"kind\", rename_all = \"snake_case\", deny_unknown_fields)]\npub enum Obligation {\n")
	for _, k := range kinds {
		doc(b, k.doc)
		fmt.Fprintf(b, "%s {\n/// The rule that asks for it.\nrule: String,\n", camel(k.kind))
		doc(b, k.member.doc)
		if k.member.optional {
			b.WriteString("#[serde(default, skip_serializing_if = \"Vec::is_empty\")]\n")
		}
		fmt.Fprintf(b, "%s: %s,\n},\n", k.member.field, k.member.kind)
	}
	b.WriteString("}\n\nimpl<'a> Message<'a> for Obligation {\nfn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {\n")
	b.WriteString("let mut f = Fields::of(v, \"obligations\", how)?;\nlet kind = f.filled(\"kind\")?;\nlet rule = f.filled(\"rule\")?;\nlet out = match &*kind {\n")
	var words []string
	for _, k := range kinds {
		words = append(words, k.kind)
		fmt.Fprintf(b, "%q => Obligation::%s { rule, %s: f.%s(%q)? },\n", k.kind, camel(k.kind), k.member.field, k.member.read, k.member.json)
	}
	fmt.Fprintf(b, "_ => return Err(Error::new(\"must be one of %s\").within(\"kind\")),\n};\n", strings.Join(words, ", "))
	b.WriteString("f.end()?;\nOk(out)\n}\n\nfn append(&self, out: &mut String) {\nlet mut o = Object::open(out);\nmatch self {\n")
	for _, k := range kinds {
		fmt.Fprintf(b, "Obligation::%s { rule, %s } => {\no.text(\"kind\", %q);\no.text(\"rule\", rule);\n", camel(k.kind), k.member.field, k.kind)
		write := fmt.Sprintf("o.%s(%q, %s);\n", k.member.write, k.member.json, k.member.field)
		if k.member.optional {
			write = fmt.Sprintf("if !%s.is_empty() {\n%s}\n", k.member.field, write)
		}
		b.WriteString(write + "}\n")
	}
	b.WriteString("}\no.close();\n}\n}\n\n")
}

// obligationKind is a kind of obligation and the member that it has.
type obligationKind struct {
	kind, doc string
	member    member
}

func (s *source) kinds() []obligationKind {
	fields := s.fields("Obligation")
	readers := s.byCase("Obligation.read", "f")
	writers := s.byCase("AppendObligation", "o")
	var out []obligationKind
	for _, c := range s.consts {
		if c.kind != "ObligationKind" {
			continue
		}
		read, write := readers[c.name], writers[c.name]
		if len(write) != 1 || len(read) == 0 || read[0].member != write[0].member {
			s.t.Fatalf("%s is written with %v and read with %v: mend the generator", c.name, write, read)
		}
		m := s.member("Obligation", write[0], fields[write[0].member], read[0].method)
		out = append(out, obligationKind{c.value, "`" + c.value + "`", m})
	}
	return out
}

// byCase gives the calls on a variable in each case of a function's switch.
func (s *source) byCase(function, variable string) map[string][]call {
	out := map[string][]call{}
	ast.Inspect(s.function(function).Body, func(n ast.Node) bool {
		if c, ok := n.(*ast.CaseClause); ok && len(c.List) == 1 {
			out[c.List[0].(*ast.Ident).Name] = slices.DeleteFunc(s.calls(c, variable), func(x call) bool { return x.method == "end" })
		}
		return true
	})
	return out
}

func (s *source) message(b *bytes.Buffer, m message) {
	members := s.members(m)
	lifetime, derive := "", "Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize"
	for _, x := range members {
		if strings.HasSuffix(x.kind, "<'a>") {
			// Missing equals nothing, not even itself, so these are not compared; serde would lose how numbers were written.
			lifetime, derive = "<'a>", "Clone, Debug, Default"
		}
	}
	doc(b, s.docs[m.goName])
	fmt.Fprintf(b, "#[derive(%s)]\n", derive)
	if lifetime == "" {
		b.WriteString("#[serde(default, deny_unknown_fields)]\n")
	}
	fmt.Fprintf(b, "pub struct %s%s {\n", m.goName, lifetime)
	for _, x := range members {
		comment := x.doc
		if comment == "" {
			comment = "`" + x.json + "`"
		}
		doc(b, comment)
		if skip := skips(x); skip != "" && lifetime == "" {
			fmt.Fprintf(b, "#[serde(skip_serializing_if = %q)]\n", skip)
		}
		fmt.Fprintf(b, "pub %s: %s,\n", x.field, x.kind)
	}
	fmt.Fprintf(b, "}\n\nimpl<'a> Message<'a> for %s%s {\nfn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {\n", m.goName, lifetime)
	fmt.Fprintf(b, "let mut f = Fields::of(v, %q, how)?;\nlet out = %s {\n", m.what, m.goName)
	for _, x := range members {
		fmt.Fprintf(b, "%s: f.%s(%q)?,\n", x.field, x.read, x.json)
	}
	b.WriteString("};\nf.end()?;\n")
	if m.goName == "Manifest" {
		b.WriteString("crate::fields::check_manifest(&out)?;\n")
	}
	b.WriteString("Ok(out)\n}\n\nfn append(&self, out: &mut String) {\nlet mut o = Object::open(out);\n")
	for _, x := range members {
		b.WriteString(writeMember(x))
	}
	b.WriteString("o.close();\n}\n}\n\n")
}

func skips(x member) string {
	if !x.optional {
		return ""
	}
	switch x.kind {
	case "String":
		return "String::is_empty"
	case "Vec<String>":
		return "Vec::is_empty"
	case "bool":
		return "std::ops::Not::not"
	default:
		return "crate::fields::is_zero"
	}
}

func writeMember(x member) string {
	by := "&"
	switch {
	case x.write == "integer" || x.write == "boolean":
		by = ""
	}
	write := fmt.Sprintf("o.%s(%q, %sself.%s);\n", x.write, x.json, by, x.field)
	if !x.optional {
		return write
	}
	switch x.kind {
	case "String", "Vec<String>":
		return fmt.Sprintf("if !self.%s.is_empty() {\n%s}\n", x.field, write)
	case "bool":
		return fmt.Sprintf("if self.%s {\n%s}\n", x.field, write)
	case "Value<'a>":
		return fmt.Sprintf("if self.%s.exists() {\n%s}\n", x.field, write)
	default:
		return fmt.Sprintf("if self.%s != 0 {\n%s}\n", x.field, write)
	}
}

// part is a part of the request: its name, and the members the contract names.
type part struct {
	name    string
	members []string
}

func (s *source) parts() []part {
	var out []part
	lit := s.function("requestShapes").Body.List[0].(*ast.ReturnStmt).Results[0].(*ast.CompositeLit)
	for _, e := range lit.Elts {
		shape := e.(*ast.CompositeLit).Elts
		p := part{name: s.literal(shape[0])}
		if members, ok := shape[1].(*ast.CompositeLit); ok {
			for _, m := range members.Elts {
				p.members = append(p.members, s.literal(m))
			}
		}
		out = append(out, p)
	}
	return out
}

// typeName is the part's type: "result" would hide Rust's own.
func (p part) typeName() string {
	if p.name == "result" {
		return "ToolResult"
	}
	return camel(p.name)
}

func (s *source) request(b *bytes.Buffer) {
	parts := s.parts()
	doc(b, s.docs["Request"])
	b.WriteString("#[derive(Clone, Debug, Default)]\npub struct Request<'a> {\n")
	for _, p := range parts {
		fmt.Fprintf(b, "/// `%s`\npub %s: %s<'a>,\n", p.name, p.name, p.typeName())
	}
	b.WriteString("}\n\n/// The names of a request's parts.\npub const PARTS: &[&str] = &[")
	for _, p := range parts {
		fmt.Fprintf(b, "%q, ", p.name)
	}
	b.WriteString("];\n\nimpl<'a> Request<'a> {\n/// The part of that name; none if a request has no such part.\npub fn part(&self, name: &str) -> Option<&Value<'a>> {\nmatch name {\n")
	for _, p := range parts {
		fmt.Fprintf(b, "%q => Some(&self.%s),\n", p.name, p.name)
	}
	b.WriteString("_ => None,\n}\n}\n}\n\n")
	b.WriteString("impl<'a> Message<'a> for Request<'a> {\nfn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {\nlet mut f = Fields::of(v, \"request\", how)?;\n")
	b.WriteString("f.optional_version(\"abi\")?;\nlet out = Request {\n")
	for _, p := range parts {
		fmt.Fprintf(b, "%s: f.optional_part(%q)?,\n", p.name, p.name)
	}
	b.WriteString("};\nf.end()?;\nOk(out)\n}\n\nfn append(&self, out: &mut String) {\nlet mut o = Object::open(out);\no.integer(\"abi\", VERSION);\n")
	for _, p := range parts {
		fmt.Fprintf(b, "if self.%s.exists() {\no.message(%q, &self.%s);\n}\n", p.name, p.name, p.name)
	}
	b.WriteString("o.close();\n}\n}\n\n")
	for _, p := range parts {
		p.write(b)
	}
}

func (p part) write(b *bytes.Buffer) {
	name := p.typeName()
	fmt.Fprintf(b, "/// The part `%s` of a request: an object or missing, with the members of a [`Value`].\n", p.name)
	fmt.Fprintf(b, "#[derive(Clone, Debug, Default)]\npub struct %s<'a>(pub Value<'a>);\n\n", name)
	if len(p.members) > 0 {
		fmt.Fprintf(b, "impl<'a> %s<'a> {\n", name)
		for _, m := range p.members {
			fmt.Fprintf(b, "/// `%s.%s`\npub fn %s(&self) -> &Value<'a> {\nself.0.get(%q)\n}\n\n", p.name, m, rustName(m), m)
		}
		b.WriteString("}\n\n")
	}
	fmt.Fprintf(b, "impl<'a> std::ops::Deref for %s<'a> {\ntype Target = Value<'a>;\n\nfn deref(&self) -> &Value<'a> {\n&self.0\n}\n}\n\n", name)
	fmt.Fprintf(b, "impl<'a> From<Value<'a>> for %s<'a> {\nfn from(v: Value<'a>) -> Self {\n%s(v)\n}\n}\n\n", name, name)
	fmt.Fprintf(b, "impl<'a> Message<'a> for %s<'a> {\nfn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {\ncrate::fields::object(v).map(%s)\n}\n\n", name, name)
	b.WriteString("fn append(&self, out: &mut String) {\n")
	if len(p.members) == 0 {
		b.WriteString("json::append(out, &self.0);\n}\n}\n\n")
		return
	}
	fmt.Fprintf(b, "crate::fields::append_shaped(out, &self.0, &[")
	for _, m := range p.members {
		fmt.Fprintf(b, "%q, ", m)
	}
	b.WriteString("]);\n}\n}\n\n")
}
