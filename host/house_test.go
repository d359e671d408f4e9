package host_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// longFunction is the most lines a function may have, from func to its closing brace; one in a hundred may have more.
const longFunction = 76

// source is one parsed Go file that is no test.
type source struct {
	name   string // slash path below the module's root
	fset   *token.FileSet
	syntax *ast.File
}

func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.fset.Position(n.Pos()).Line)
}

// generated reports whether a machine wrote the file: the house rules are for people.
func (s source) generated() bool { return ast.IsGenerated(s.syntax) }

func sources(t *testing.T) []source {
	t.Helper()
	root := moduleRoot(t)
	var out []source
	err := goFiles(root, func(name string) error {
		fset := token.NewFileSet()
		syntax, err := parser.ParseFile(fset, filepath.Join(root, filepath.FromSlash(name)), nil, parser.ParseComments)
		out = append(out, source{name: name, fset: fset, syntax: syntax})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFunctionsAreShort(t *testing.T) {
	var all int
	var long []string
	for _, f := range sources(t) {
		if f.generated() {
			continue
		}
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			all++
			lines := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
			if lines > longFunction {
				long = append(long, fmt.Sprintf("%s: %s has %d lines", f.at(fn), fn.Name.Name, lines))
			}
		}
	}
	if len(long)*100 > all {
		t.Errorf("%d of %d functions have more than %d lines; one in a hundred may:\n%s", len(long), all, longFunction, strings.Join(long, "\n"))
	}
}

func TestNoInitFunctions(t *testing.T) {
	for _, f := range sources(t) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: an init function; build what it builds in a constructor", f.at(fn))
			}
		}
	}
}

func TestMainIsOneLine(t *testing.T) {
	for _, f := range sources(t) {
		if !strings.HasPrefix(f.name, "cmd/") {
			continue
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "main" && len(fn.Body.List) != 1 {
				t.Errorf("%s: main has %d statements, want one", f.at(fn), len(fn.Body.List))
			}
		}
	}
}

func TestPackagesAreNamedForWhatTheyDo(t *testing.T) {
	vague := []string{"util", "utils", "common", "types", "helper", "helpers", "misc", "shared", "base"}
	for _, f := range sources(t) {
		for _, name := range []string{f.syntax.Name.Name, path.Base(path.Dir(f.name))} {
			if slices.Contains(vague, name) {
				t.Errorf("%s: a package called %s says nothing of what it is for", f.name, name)
			}
		}
	}
}

// TestDependenciesAreAccountedFor wants a line in the README's table for every module that our code imports.
func TestDependenciesAreAccountedFor(t *testing.T) {
	root := moduleRoot(t)
	readme, err1 := os.ReadFile(filepath.Join(root, "README.md"))
	gomod, err2 := os.ReadFile(filepath.Join(root, "go.mod"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	modules := regexp.MustCompile(`(?m)^\s+(\S+\.\S+/\S+) v`).FindAllStringSubmatch(string(gomod), -1)
	if len(modules) < 5 {
		t.Fatalf("go.mod requires %d modules: it was not understood", len(modules))
	}
	why := map[string]string{}
	for _, f := range sources(t) {
		for _, spec := range f.syntax.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			for _, m := range modules {
				if imported == m[1] || strings.HasPrefix(imported, m[1]+"/") {
					why[m[1]] = f.name
				}
			}
		}
	}
	for _, m := range sortedKeys(why) {
		name := regexp.MustCompile(`/(parsers|providers)/.*$`).ReplaceAllString(m, "/v2")
		if !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("%s is imported by %s, and the README's table of dependencies does not say what for", m, why[m])
		}
	}
}

func TestEveryPackageIsIntroduced(t *testing.T) {
	introduced := map[string]bool{}
	for _, f := range sources(t) {
		introduced[path.Dir(f.name)] = introduced[path.Dir(f.name)] || f.syntax.Doc != nil
	}
	for _, pkg := range sortedKeys(introduced) {
		if !introduced[pkg] {
			t.Errorf("%s has no package comment", pkg)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range sources(t) {
		if f.generated() || f.syntax.Name.Name == "main" {
			continue
		}
		for _, d := range f.syntax.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s is exported and has no comment", f.at(name), name.Name)
			}
		}
	}
}

// undocumented are the exported names that a declaration introduces without a comment. One comment may serve a group
// of names declared together; a method counts when its type is exported.
func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || receiverExported(d.Recv)) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			return nil
		}
		var out []*ast.Ident
		for _, spec := range d.Specs {
			out = append(out, undocumentedSpec(spec)...)
		}
		return out
	}
	return nil
}

func undocumentedSpec(spec ast.Spec) []*ast.Ident {
	var names []*ast.Ident
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Doc == nil && s.Comment == nil {
			names = []*ast.Ident{s.Name}
		}
	case *ast.ValueSpec:
		if s.Doc == nil && s.Comment == nil {
			names = s.Names
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(n *ast.Ident) bool { return !n.IsExported() })
}

func receiverExported(recv *ast.FieldList) bool {
	t := recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// TestPackageVariablesStayAsTheyAre finds assignments to package variables: state that every caller shares and no
// constructor hands out.
func TestPackageVariablesStayAsTheyAre(t *testing.T) {
	all := sources(t)
	vars := map[string]map[string]bool{}
	for _, f := range all {
		dir := path.Dir(f.name)
		if vars[dir] == nil {
			vars[dir] = map[string]bool{}
		}
		for name, obj := range f.syntax.Scope.Objects {
			if obj.Kind == ast.Var {
				vars[dir][name] = true
			}
		}
	}
	for _, f := range all {
		pkg := vars[path.Dir(f.name)]
		for _, id := range assigned(f.syntax) {
			if shared := pkg[id.Name] && (id.Obj == nil || f.syntax.Scope.Objects[id.Name] == id.Obj); shared {
				t.Errorf("%s: assigns to the package variable %s", f.at(id), id.Name)
			}
		}
	}
}

// assigned are the variables at the root of everything that a file's functions assign to or increment, and
// those whose address they take whole (the address of a table's row may be for speed).
func assigned(file *ast.File) []*ast.Ident {
	var out []*ast.Ident
	add := func(e ast.Expr) {
		if id := root(e); id != nil {
			out = append(out, id)
		}
	}
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, e := range n.Lhs {
					add(e)
				}
			case *ast.IncDecStmt:
				add(n.X)
			case *ast.UnaryExpr:
				if id, ok := n.X.(*ast.Ident); ok && n.Op == token.AND {
					add(id)
				}
			}
			return true
		})
	}
	return out
}

// root is the variable that an assignable expression begins with: x of x.y[z], nil where a call or a pointer comes
// between.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}
