package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"agentmesh/pdk/abi"
)

// What came of native tests.
const (
	nativePassed = "passed"
	nativeFailed = "failed"
	nativeNone   = "none"
)

// answersTo is the environment variable by which the Go kit's pdktest is asked to write down what it was answered.
const answersTo = "PDKTEST_ANSWERS"

// native runs the tests that the plugin's language has. What they say is shown when they fail.
func (t *pluginTest) native(ctx context.Context, src *source) error {
	t.Native = nativeNone
	if src == nil || src.lang == langYAML {
		return nil
	}
	k, command := t.kit, t.kit.goCommand
	args := []string{"test", "-count=1", "-timeout=2m", "./..."}
	if src.lang == langRust {
		command, args = k.cargoCommand, []string{"test", "--quiet"}
	}
	c, err := command(ctx, src, args...)
	if err != nil {
		return err
	}
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	t.Native = nativePassed
	if err := c.Run(); err != nil {
		lines(k.env.stderr, said.String())
		t.Native = nativeFailed
		return ctx.Err()
	}
	if src.lang == langGo {
		return t.cover(ctx, src)
	}
	return nil
}

// cover runs the golden cases alone, for what they reach of the source, and what they are answered natively.
func (t *pluginTest) cover(ctx context.Context, src *source) error {
	dir, err := os.MkdirTemp("", "agentmesh-cover-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	profile, answers := filepath.Join(dir, "profile"), filepath.Join(dir, "answers.json")
	c, err := t.kit.goCommand(ctx, src, "test", "-count=1", "-timeout=2m", "-run=^TestCases$", "-coverprofile="+profile, ".")
	if err != nil {
		return err
	}
	c.Env = append(slices.Clone(t.kit.env.environ), answersTo+"="+answers)
	if err := t.kit.run(c, "testing "+src.dir); err != nil {
		return err
	}
	if t.answers, err = readAnswers(answers); err != nil {
		return err
	}
	text, err := os.ReadFile(profile)
	if err == nil {
		t.Coverage = append(t.Coverage, statements(string(text), guestOnly(src.dir)))
	}
	return err
}

// readAnswers are the answers by the cases' names; none where the plugin's tests are not the kit's.
func readAnswers(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v, err := abi.ReadValue(string(text))
	if err != nil {
		return nil, fmt.Errorf("native answers: %w", err)
	}
	out := map[string]string{}
	for _, m := range v.Items() {
		out[m.Value.Get("name").Text()] = m.Value.Get("answer").Text()
	}
	return out, nil
}

// span is lines of a file that only a built module runs: main, and the bodies of exports.
type span struct {
	file     string
	from, to int
}

// guestOnly are the functions in a plugin's folder that native tests go around.
func guestOnly(dir string) []span {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil
	}
	var out []span
	for _, name := range names {
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil { // the compiler has said so
			continue
		}
		for _, d := range parsed.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil {
				continue
			}
			exported := fn.Doc != nil && slices.ContainsFunc(fn.Doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:wasmexport") })
			if exported || fn.Name.Name == "main" {
				out = append(out, span{filepath.Base(name), files.Position(fn.Pos()).Line, files.Position(fn.End()).Line})
			}
		}
	}
	return out
}

// statements reads a coverage profile of go test: after a line with the mode, "file:line.col,line.col statements count".
func statements(profile string, without []span) pluginCoverageJSON {
	c := pluginCoverageJSON{Of: "statements", Unreached: []string{}}
	for text := range strings.Lines(profile) {
		fields := strings.Fields(text)
		if len(fields) != 3 {
			continue
		}
		place, _, _ := strings.Cut(path.Base(fields[0]), ".go:")
		place += ".go"
		row, _, _ := strings.Cut(strings.TrimPrefix(path.Base(fields[0]), place+":"), ".")
		line, err1 := strconv.Atoi(row)
		n, err2 := strconv.Atoi(fields[1])
		skip := slices.ContainsFunc(without, func(s span) bool { return s.file == place && s.from <= line && line <= s.to })
		if err1 != nil || err2 != nil || n == 0 || skip {
			continue
		}
		c.All += n
		if fields[2] != "0" {
			c.Reached += n
		} else if at := place + ":" + row; !slices.Contains(c.Unreached, at) {
			c.Unreached = append(c.Unreached, at)
		}
	}
	return c
}
