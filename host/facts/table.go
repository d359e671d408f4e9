package facts

import (
	"path"
	"strings"

	"agentmesh/policies"
)

// Type is what an action does. Rules see it as action.type, an open string; these are the host's own.
type Type string

// The host's types, from the weakest to the strongest. Where several things are found in one call, the strongest counts;
// what is not understood is stronger than anything that is.
const (
	Read    Type = "read"
	APICall Type = "api_call"
	Network Type = "network"
	Write   Type = "write"
	Export  Type = "export"
	Delete  Type = "delete"
	Execute Type = "execute"
	Unknown Type = "unknown"
)

func (t Type) strength() int {
	switch t {
	case Read:
		return 1
	case APICall:
		return 2
	case Network:
		return 3
	case Write:
		return 4
	case Export:
		return 5
	case Delete:
		return 6
	case Execute:
		return 7
	case Unknown:
		return 8
	}
	return 0
}

// known reports whether the type is one of the host's own.
func (t Type) known() bool { return t.strength() > 0 }

// Stronger is the stronger of two types; a type that is not the host's own is the weakest.
func Stronger(a, b Type) Type {
	if b.strength() > a.strength() {
		return b
	}
	return a
}

// Table says what tools do and what their arguments mean; policies/tools.yaml states the form. It is read-only once
// loaded.
type Table struct {
	Servers   []*Server
	Sensitive *Places

	byName map[string]*Server
}

// Server is one server's part of the table.
type Server struct {
	Name    string
	Match   []string
	Remote  bool // local: false
	Dialect string
	Plain   []string
	Tools   []*Row

	byTool map[string]*Row
}

// Row is what is known of one or more tools.
type Row struct {
	Server  *Server
	Names   []string
	Type    Type // empty where SQL or k8s decides
	By      string
	ByType  map[string]Type
	Remote  bool
	Paths   []argument
	Base    string
	URLs    []argument
	SQL     []argument
	Command []argument
	K8s     *k8sRow
	// Sensitive: what it gives is sensitive whatever the arguments are.
	Sensitive bool
	plain     map[string]bool
}

// k8sRow says where the facts of a Kubernetes call stand: a word, or "$argument".
type k8sRow struct{ Verb, Resource, Namespace, Name, Manifest string }

// argument is the place of an argument: steps of names, "[]" for each item of a list.
type argument []string

// Places are where the arguments stand that decide: steps of names, and "[]" for each item of a list.
func (r *Row) Places(yield func(place []string) bool) {
	for _, places := range [][]argument{r.Paths, r.URLs, r.SQL, r.Command} {
		for _, a := range places {
			if !yield(a) {
				return
			}
		}
	}
	names := []string{r.Base, r.By}
	if k := r.K8s; k != nil {
		for _, word := range [...]string{k.Verb, k.Resource, k.Namespace, k.Name, k.Manifest} {
			if name, ok := strings.CutPrefix(word, "$"); ok {
				names = append(names, name)
			}
		}
	}
	for i, name := range names {
		if name != "" && !yield(names[i:i+1]) {
			return
		}
	}
}

// DefaultTable is the table that ships with the project.
func DefaultTable() (*Table, error) {
	return LoadTable("tools.yaml", policies.Tools())
}

// Find is the row of a server's tool; nil when the table has none. Server names are compared without regard to case,
// version and "_" for "-"; tool names exactly.
func (t *Table) Find(server, tool string) *Row {
	s := t.Server(server)
	if s == nil {
		return nil
	}
	return s.byTool[tool]
}

// Server is the part of the table a server's name, package, image or file stands for; nil when there is none.
func (t *Table) Server(name string) *Server {
	if s := t.byName[name]; s != nil { // the usual case: the table's own name, nothing to fold
		return s
	}
	return t.byName[foldServer(name)]
}

// Merge returns this table with another's servers in place of those of the same name, and its sensitive places added.
func (t *Table) Merge(more *Table) *Table {
	out := &Table{Sensitive: t.Sensitive.merge(more.Sensitive)}
	replaced := map[string]bool{}
	for _, s := range more.Servers {
		replaced[s.Name] = true
	}
	for _, s := range t.Servers {
		if !replaced[s.Name] {
			out.Servers = append(out.Servers, s)
		}
	}
	out.Servers = append(out.Servers, more.Servers...)
	out.index()
	return out
}

func (t *Table) index() {
	t.byName = map[string]*Server{}
	for _, s := range t.Servers {
		for _, m := range s.Match {
			t.byName[foldServer(m)] = s
		}
	}
	for _, s := range t.Servers { // names win over aliases
		t.byName[foldServer(s.Name)] = s
	}
}

// foldServer brings the spellings of a package, image or file name together.
func foldServer(name string) string {
	name = strings.ToLower(strings.ReplaceAll(stripVersion(name), "_", "-"))
	return strings.TrimPrefix(name, "docker.io/")
}

// stripVersion cuts "@1.2.3", ":tag", "@sha256:…", "==1.2" and "[extras]" off a package or image name.
func stripVersion(name string) string {
	for _, cut := range [...]string{"==", ">=", "<=", "~=", "["} {
		if i := strings.Index(name, cut); i > 0 {
			name = name[:i]
		}
	}
	if i := strings.LastIndexByte(name, '@'); i > 0 {
		name = name[:i]
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') && i > 0 {
		name = name[:i]
	}
	return name
}

// ServerName is what a server is called that is started by this command line: the package for npx, uvx, pipx, bunx and
// the like, the image for docker, the module for "python -m", the package a script under node_modules belongs to, else
// the file's base name without extension. It is empty for an empty command line.
func ServerName(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	program := strings.TrimSuffix(path.Base(slashed(argv[0])), ".exe")
	args := argv[1:]
	switch program {
	case "npx", "bunx", "pnpx", "uvx", "pipx", "dnx":
		return runnerTarget(args, "-p", "--package", "--from", "--with", "--python")
	case "npm", "pnpm", "yarn", "bun", "uv", "deno", "go":
		return runnerTarget(skipVerbs(args), "-p", "--package", "--from", "--directory", "--with")
	case "docker", "podman", "nerdctl":
		return imageTarget(args)
	case "node", "tsx", "ts-node", "python", "python3", "ruby", "bash", "sh":
		return scriptTarget(args)
	case "cmd":
		if len(args) > 1 && strings.EqualFold(args[0], "/c") {
			return ServerName(args[1:])
		}
	case "env":
		for i, a := range args {
			if !strings.Contains(a, "=") && !strings.HasPrefix(a, "-") {
				return ServerName(args[i:])
			}
		}
	}
	return fileTarget(argv[0])
}

func slashed(p string) string { return strings.ReplaceAll(p, `\`, "/") }

func skipVerbs(args []string) []string {
	for len(args) > 0 {
		switch args[0] {
		case "exec", "x", "dlx", "run", "tool":
			args = args[1:]
		default:
			return args
		}
	}
	return args
}

// runnerTarget is the first argument that is no flag; a flag that names the package wins.
func runnerTarget(args []string, valued ...string) string {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if !strings.HasPrefix(a, "-") {
			if strings.ContainsAny(a, `/\`) && !strings.HasPrefix(a, "@") {
				return fileTarget(a)
			}
			return stripVersion(a)
		}
		for _, f := range valued {
			if a == f && i+1 < len(args) {
				if f == "-p" || f == "--package" || f == "--from" {
					return stripVersion(args[i+1])
				}
				i++
			}
		}
	}
	return ""
}

// imageTarget is the image of "docker run …": the first word behind "run" that is no flag and no flag's value.
func imageTarget(args []string) string {
	const valued = " -e --env --env-file -v --volume --mount -p --publish --name --network --net -w --workdir -u --user --entrypoint -h --hostname -l --label --platform --memory -m --cpus --add-host "
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "run" || a == "container":
		case strings.HasPrefix(a, "-"):
			if !strings.Contains(a, "=") && strings.Contains(valued, " "+a+" ") {
				i++
			}
		default:
			return stripVersion(a)
		}
	}
	return ""
}

func scriptTarget(args []string) string {
	for i, a := range args {
		if a == "-m" && i+1 < len(args) {
			return strings.ReplaceAll(args[i+1], "_", "-")
		}
		if !strings.HasPrefix(a, "-") {
			return fileTarget(a)
		}
	}
	return ""
}

// fileTarget names a file: by the package it lies in when that can be seen, else by its own name.
func fileTarget(file string) string {
	file = slashed(file)
	if i := strings.LastIndex(file, "/node_modules/"); i >= 0 {
		rest := strings.Split(file[i+len("/node_modules/"):], "/")
		if rest[0] == ".bin" && len(rest) > 1 {
			return rest[1]
		}
		if strings.HasPrefix(rest[0], "@") && len(rest) > 1 {
			return rest[0] + "/" + rest[1]
		}
		return rest[0]
	}
	base := path.Base(file)
	name := strings.TrimSuffix(base, path.Ext(base))
	if name == "index" || name == "main" || name == "server" || name == "__main__" || name == "cli" {
		dir := path.Dir(file)
		for path.Base(dir) == "dist" || path.Base(dir) == "build" || path.Base(dir) == "src" || path.Base(dir) == "bin" || path.Base(dir) == "lib" {
			dir = path.Dir(dir)
		}
		if b := path.Base(dir); b != "." && b != "/" {
			return b
		}
	}
	switch path.Ext(base) {
	case ".js", ".mjs", ".cjs", ".ts", ".py", ".rb", ".sh", ".exe", ".jar", ".cmd", ".bat":
		return name
	}
	return base
}
