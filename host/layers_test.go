package host_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is the import path that every package of ours begins with.
const module = "agentmesh"

// floors is the house: a package imports only from lower floors, or from its own where sameFloor says so. A package
// that stands in no row fails the test: add it where it belongs, here and in the README's picture.
func floors() map[string]int {
	rows := [][]string{
		0: {"pdk/abi", "host/disk", "host/terminal"},
		1: {"pdk/go", "pdk/go/pdktest", "host/wasm", "host/scan", "host/identity", "host/store", "host/oci"},
		2: {
			"host/policy", "host/sandbox", "host/ledger", "host/facts", "host/release", "host/ca", "host/trust",
			"host/agents", "host/clients",
		},
		3: {"host/compliance", "host/rollout"},
		4: {"host/gate"},
		5: {"host/mcp", "host/a2a", "host/iatp", "host/acp", "host/api", "host/replay"},
		6: {"host"},
		7: {"cmd/meshhost", "cmd/agentmesh"},
	}
	floor := map[string]int{}
	for n, row := range rows {
		for _, pkg := range row {
			floor[pkg] = n
		}
	}
	return floor
}

// sameFloor lists the imports allowed on one floor.
func sameFloor() map[string][]string {
	return map[string][]string{"host/sandbox": {"host/policy"}, "pdk/go/pdktest": {"pdk/go"}}
}

// aside are the packages beside the floors: they hold embedded files, import nothing of ours, and may be imported
// from embeddedFrom up.
func aside() []string { return []string{"policies", "pdk"} }

const embeddedFrom = 2

// leaves import nothing but the standard library and each other, so that a guest can be built from them.
func leaves() []string { return []string{"pdk/abi", "pdk/go"} }

// standardOnly are the packages that come with a plugin's source: beside ours they may import the standard library alone.
func standardOnly() []string { return append(leaves(), "pdk/go/pdktest") }

// plugin reports whether pkg belongs to a shipped plugin: such a package imports only the leaves.
func plugin(pkg string) bool { return strings.HasPrefix(pkg, "plugins/") }

func TestPackagesImportOnlyFromLowerFloors(t *testing.T) {
	pkgs := packages(t)
	if len(pkgs) < 3 {
		t.Fatalf("found only the packages %v: the walk is broken", pkgs)
	}
	for _, pkg := range sortedKeys(pkgs) {
		for _, imported := range pkgs[pkg] {
			if why := forbidden(pkg, imported); why != "" {
				t.Errorf("%s imports %s: %s", pkg, imported, why)
			}
		}
		if _, listed := floors()[pkg]; !listed && !slices.Contains(aside(), pkg) && !plugin(pkg) {
			t.Errorf("%s stands on no floor: add it to the table", pkg)
		}
	}
}

// TestForbiddenImports holds the rules themselves against imports that must fail and imports that must pass.
func TestForbiddenImports(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"host/scan", "host/gate", false},
		{"host/ledger", "host/policy", false},
		{"host/policy", "host/sandbox", false},
		{"host/mcp", "host/api", false},
		{"host/gate", "host", false},
		{"pdk/abi", "github.com/google/uuid", false},
		{"pdk/abi", "pdk/go", false},
		{"plugins/pii-guard", "host/scan", false},
		{"plugins/pii-guard", "pdk/go/pdktest", false},
		{"pdk/go/pdktest", "github.com/google/uuid", false},
		{"pdk/go", "pdk/go/pdktest", false},
		{"policies", "pdk/abi", false},
		{"pdk/go", "policies", false},
		{"host/store", "policies", false},
		{"host/gate", "host/unheard", false},
		{"host/sandbox", "host/policy", true},
		{"host/facts", "policies", true},
		{"host/gate", "host/sandbox", true},
		{"cmd/meshhost", "host", true},
		{"plugins/pii-guard", "pdk/go", true},
		{"pdk/go", "pdk/abi", true},
		{"pdk/go/pdktest", "pdk/go", true},
		{"pdk/abi", "strconv", true},
		{"host/gate", "github.com/google/uuid", true},
		{"host/release", "host/oci", true},
		{"host/oci", "host/identity", false},
	} {
		to := c.to
		if first, _, _ := strings.Cut(to, "/"); slices.Contains([]string{"host", "pdk", "policies"}, first) {
			to = module + "/" + to
		}
		if why := forbidden(c.from, to); (why == "") != c.ok {
			t.Errorf("%s → %s: got %q, want allowed = %v", c.from, c.to, why, c.ok)
		}
	}
}

// forbidden says why pkg may not import the path, or nothing.
func forbidden(pkg, imported string) string {
	target, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		if (slices.Contains(standardOnly(), pkg) || plugin(pkg)) && strings.Contains(strings.Split(imported, "/")[0], ".") {
			return "plugins are built and tested with it, so it may import the standard library alone"
		}
		return ""
	}
	from, to := floors()[pkg], floors()[target]
	_, listed := floors()[target]
	switch {
	case slices.Contains(aside(), pkg):
		return "it only embeds files and may import nothing of ours"
	case plugin(pkg):
		if !slices.Contains(leaves(), target) && !strings.HasPrefix(target, pluginRoot(pkg)) {
			return "a plugin may import only pdk/go and pdk/abi"
		}
		return ""
	case slices.Contains(aside(), target):
		if from < embeddedFrom {
			return "embedded files may be imported from floor 2 up"
		}
		return ""
	case !listed:
		return "the imported package stands on no floor"
	case to > from:
		return "it stands on a higher floor"
	case to == from && !slices.Contains(sameFloor()[pkg], target):
		return "they stand on one floor"
	}
	return ""
}

// pluginRoot is the folder of the plugin that pkg belongs to, with a closing slash.
func pluginRoot(pkg string) string {
	parts := strings.SplitN(pkg, "/", 3)
	return path.Join(parts[0], parts[1]) + "/"
}

// packages maps each package of this module, by its folder, to what its files import, test files left out (those may
// import anything the compiler allows). Every build tag counts: a file for another system obeys the same rules.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	pkgs := map[string][]string{}
	for file, imports := range goImports(t) {
		dir := path.Dir(file)
		pkgs[dir] = append(pkgs[dir], imports...)
	}
	for dir, imports := range pkgs {
		slices.Sort(imports)
		pkgs[dir] = slices.Compact(imports)
	}
	return pkgs
}

func goImports(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, f := range sources(t) {
		var imports []string
		for _, spec := range f.syntax.Imports {
			imports = append(imports, strings.Trim(spec.Path.Value, "\""))
		}
		out[f.name] = imports
	}
	return out
}

// goFiles calls visit for each Go file of this module that is no test, by its slash path below the root.
func goFiles(root string, visit func(name string) error) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(root, file, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(rel))
	})
}

// skipped are the folders that the go command skips too, and modules of their own.
func skipped(root, dir, name string) bool {
	if dir == root {
		return false
	}
	if name == "testdata" || name == "bin" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// moduleRoot is the folder above this package that holds go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("no go.mod above %s", here)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
