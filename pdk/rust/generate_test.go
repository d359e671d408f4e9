package rust_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var update = flag.Bool("update", false, "write src/contract.rs anew from pdk/abi")

const generated = "src/contract.rs"

// TestContractIsOfToday fails when src/contract.rs is not what pdk/abi says now. The types, their members and the members'
// order come from the functions that write and read the messages in Go, so they cannot say something else.
func TestContractIsOfToday(t *testing.T) {
	got, laidOut := formatted(t, contract(t))
	if *update {
		if !laidOut {
			t.Fatal("rustfmt is not here, and the file that is kept is laid out by it")
		}
		if err := os.WriteFile(generated, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(generated)
	if err != nil {
		t.Fatal(err)
	}
	if !laidOut {
		got, want = tokens(got), tokens(want)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is stale: run go test ./pdk/rust -run Contract -update and read the difference", generated)
	}
}

// formatted leaves the layout to rustfmt, where there is one.
func formatted(t *testing.T, src []byte) (out []byte, laidOut bool) {
	t.Helper()
	if _, err := exec.LookPath("rustfmt"); err != nil {
		return src, false
	}
	cmd := exec.Command("rustfmt", "--edition", "2024", "--config-path", "rustfmt.toml", "--emit", "stdout")
	cmd.Stdin = bytes.NewReader(src)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("rustfmt: %v\n%s", err, complaints.Bytes())
	}
	return out, true
}

// tokens is a source without what rustfmt changes: white space, commas and braces.
func tokens(src []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune(",{}", r) {
			return -1
		}
		return r
	}, src)
}

// message is a Go struct and the functions that write and read it.
type message struct {
	goName, write, read string
	object              string // the writer's variable
	what                string // as errors name it
}

func messages() []message {
	return []message{
		{"Finding", "AppendFindings", "readFinding", "o", "findings"},
		{"Outcome", "AppendOutcome", "outcomeOf", "o", "outcome"},
		{"Judged", "appendJudges", "readJudges", "o", "judges"},
		{"Verdict", "AppendVerdict", "verdictOf", "o", "verdict"},
		{"ScoreRequest", "AppendScoreRequest", "ReadScoreRequest", "o", "score request"},
		{"Score", "AppendScore", "ReadScore", "o", "score"},
		{"Manifest", "AppendManifest", "ManifestOf", "o", "manifest"},
		{"Want", "appendCase", "wantOf", "w", "want"},
		{"Case", "appendCase", "CaseOf", "o", "cases"},
		{"WantScore", "AppendScoreCases", "wantScoreOf", "w", "want"},
		{"ScoreCase", "AppendScoreCases", "scoreCaseOf", "o", "cases"},
	}
}

// special are the members whose checks are code in Go and have a reader of their own in src/fields.rs.
func special() map[string]string {
	return map[string]string{
		"Finding.decision":      "given",
		"Verdict.decision":      "deciding",
		"ScoreRequest.abi":      "version",
		"ScoreRequest.agent":    "part",
		"Score.delta":           "delta",
		"Score.reasons":         "all_texts",
		"WantScore.delta":       "whole",
		"ScoreCase.request":     "score_request",
		"Manifest.abi":          "version",
		"Manifest.name":         "scoped_name",
		"Manifest.version":      "semver",
		"Manifest.kind":         "plugin_kind",
		"Manifest.settings":     "schema",
		"Manifest.effects":      "effects",
		"Manifest.entry":        "entry",
		"Manifest.stages":       "stages",
		"Manifest.memory_pages": "pages",
		"Obligation.paths":      "paths",
	}
}

// source is the package pdk/abi, parsed.
type source struct {
	t       *testing.T
	structs map[string]*ast.StructType
	docs    map[string]string
	funcs   map[string]*ast.FuncDecl
	consts  []constant
}

// constant is one typed string or the name of one that counts.
type constant struct {
	name, kind, value, doc string
}

func parseABI(t *testing.T) *source {
	t.Helper()
	s := &source{t: t, structs: map[string]*ast.StructType{}, docs: map[string]string{}, funcs: map[string]*ast.FuncDecl{}}
	files, err := filepath.Glob("../abi/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("pdk/abi is not there: %v", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			s.declaration(d)
		}
	}
	return s
}

func (s *source) declaration(d ast.Decl) {
	if f, ok := d.(*ast.FuncDecl); ok {
		name := f.Name.Name
		if f.Recv != nil {
			name = receiver(f) + "." + name
		}
		s.funcs[name] = f
		return
	}
	g := d.(*ast.GenDecl)
	for _, spec := range g.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			s.docs[spec.Name.Name] = g.Doc.Text()
			if st, ok := spec.Type.(*ast.StructType); ok {
				s.structs[spec.Name.Name] = st
			}
		case *ast.ValueSpec:
			s.value(spec)
		}
	}
}

func receiver(f *ast.FuncDecl) string {
	x := f.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	return x.(*ast.Ident).Name
}

// value keeps the string constants that have a type, and the list of decisions.
func (s *source) value(spec *ast.ValueSpec) {
	name := spec.Names[0].Name
	if name == "decisionNames" {
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			s.consts = append(s.consts, constant{kind: "Decision", value: s.literal(e)})
		}
	}
	kind, ok := spec.Type.(*ast.Ident)
	if !ok || len(spec.Values) != 1 {
		return
	}
	if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
		doc := strings.TrimPrefix(oneLine(spec.Doc.Text()), name+": ")
		if doc != "" {
			doc = strings.ToUpper(doc[:1]) + doc[1:]
		}
		s.consts = append(s.consts, constant{name, kind.Name, s.literal(lit), doc})
	}
}

func (s *source) literal(e ast.Expr) string {
	v, err := strconv.Unquote(e.(*ast.BasicLit).Value)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *source) function(name string) *ast.FuncDecl {
	f := s.funcs[name]
	if f == nil {
		s.t.Fatalf("pdk/abi has no function %s any more: mend the table of messages", name)
	}
	return f
}

// call is one method called with a member's name.
type call struct {
	member, method string
	optional       bool // under a condition
}

// calls lists what is called on a variable with a literal as first argument, in the order of the source.
func (s *source) calls(body ast.Node, variable string) []call {
	var out []call
	conditional := map[ast.Node]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			for _, c := range s.calls(n.Body, variable) {
				conditional[n.Body] = true
				c.optional = true
				out = append(out, c)
			}
			return len(s.calls(n.Body, variable)) == 0
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || len(n.Args) == 0 || !isIdent(sel.X, variable) {
				return true
			}
			if lit, ok := n.Args[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				out = append(out, call{member: s.literal(lit), method: sel.Sel.Name})
			}
		}
		return true
	})
	return out
}

func isIdent(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// member is one member of a message, as Rust has it.
type member struct {
	json, field, kind, doc string
	read, write            string
	optional               bool
}

func (s *source) members(m message) []member {
	fields := s.fields(m.goName)
	readers := map[string]string{}
	for _, c := range s.calls(s.function(m.read).Body, "f") {
		if readers[c.member] == "" && c.method != "wrong" && c.method != "refuse" && c.method != "end" {
			readers[c.member] = c.method
		}
	}
	var out []member
	for _, c := range s.calls(s.function(m.write).Body, m.object) {
		f, known := fields[c.member]
		delete(fields, c.member)
		if c.member == "abi" {
			f, known = field{kind: "Abi"}, true
		}
		if !known {
			s.t.Fatalf("%s writes %q, and abi.%s has no such field", m.write, c.member, m.goName)
		}
		out = append(out, s.member(m.goName, c, f, readers[c.member]))
	}
	for name := range fields {
		s.t.Errorf("abi.%s has a field for %q that %s does not write", m.goName, name, m.write)
	}
	return out
}

func (s *source) member(message string, c call, f field, reader string) member {
	out := member{json: c.member, field: rustName(c.member), kind: f.kind, doc: f.doc, optional: c.optional || strings.HasPrefix(c.method, "optional")}
	switch {
	case special()[message+"."+c.member] != "":
		out.read = special()[message+"."+c.member]
	case reader == "required" && f.kind == "String":
		out.read = "filled"
	case reader == "list":
		out.read = "messages"
	case reader == "count":
		out.read, out.kind = "count", "u64"
	case reader == "take" && f.kind == "Value<'a>":
		out.read = "take"
	case reader == "" || reader == "take" || reader == "required":
		out.read = "message"
	default:
		out.read = reader
	}
	if out.read == "pages" {
		out.kind = "u64"
	}
	out.write = map[string]string{
		"String": "text", "Vec<String>": "texts", "bool": "boolean", "i64": "integer", "u64": "integer", "Abi": "integer",
		"Value<'a>": "value", "Vec<Judged>": "messages", "Vec<Obligation>": "messages",
	}[out.kind]
	if out.write == "" {
		out.write = "message"
	}
	return out
}

// field is a Go struct's field: its Rust type and its comment.
type field struct{ kind, doc string }

func (s *source) fields(name string) map[string]field {
	st := s.structs[name]
	if st == nil {
		s.t.Fatalf("pdk/abi has no struct %s any more: mend the table of messages", name)
	}
	out := map[string]field{}
	for _, f := range st.Fields.List {
		doc := oneLine(f.Comment.Text())
		for _, n := range f.Names {
			out[snake(n.Name)] = field{s.rustType(name, n.Name, f.Type), doc}
		}
	}
	return out
}

func (s *source) rustType(owner, name string, x ast.Expr) string {
	if list, ok := x.(*ast.ArrayType); ok {
		return "Vec<" + s.rustType(owner, name, list.Elt) + ">"
	}
	switch kind := x.(*ast.Ident).Name; kind {
	case "string", "Code", "ObligationKind":
		return "String"
	case "int64":
		return "i64"
	case "bool", "Decision", "OutcomeStatus", "Verdict", "Outcome", "Want", "WantScore", "Obligation", "Judged":
		return kind
	case "Value":
		if owner == "ScoreRequest" {
			return "Agent<'a>"
		}
		return "Value<'a>"
	case "Request", "ScoreRequest":
		return kind + "<'a>"
	default:
		s.t.Fatalf("abi.%s.%s is of type %s, which has no twin in Rust yet", owner, name, kind)
		return ""
	}
}

// snake is the JSON name of a Go field: DecisionID is decision_id.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) {
			if i > 0 && !unicode.IsUpper(rune(name[i-1])) {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// camel is the Rust name of a type or variant: require_approval is RequireApproval.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func rustName(name string) string {
	if name == "type" {
		return "r#type"
	}
	return name
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// doc writes a Go comment as a Rust one. What Go indents is a figure, which Rust would take for code to test.
func doc(b *bytes.Buffer, text string) {
	figure := false
	fence := func(open bool, marks string) {
		if figure != open {
			fmt.Fprintf(b, "/// %s\n", marks)
		}
		figure = open
	}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if strings.HasPrefix(line, "\t") {
			fence(true, "```text")
		} else {
			fence(false, "```")
		}
		fmt.Fprintf(b, "/// %s\n", strings.TrimPrefix(line, "\t"))
	}
	fence(false, "```")
}
