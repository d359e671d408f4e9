package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agentmesh/host/clients"
	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

// guard keeps tools away from the mesh's own: who can change that decides everything else.
type guard struct {
	places []string // absolute, as named and with links followed
	known  *facts.Protected
}

// newGuard guards the state folder, the folders of rules, tool tables, our own programs, and the configurations of
// clients that start servers through us.
func newGuard(state State, c *Config) guard {
	names := slices.Concat([]string{string(state)}, c.Dirs.Policies, c.Dirs.Plugins, c.Trust.AllowUnsigned, c.Tools)
	if own, err := os.Executable(); err == nil {
		dir := filepath.Dir(own)
		names = append(names, own, filepath.Join(dir, "agentmesh"), filepath.Join(dir, "meshhost"))
	}
	dir, _ := os.Getwd() // without one there are no configurations of a project
	names = append(names, clients.Here(os.Environ(), dir).Paths()...)
	return guard{}.with(names).inFolders(append(slices.Clone(c.Roots), dir))
}

// inFolders also guards what clients read from project folders: a server written there is started without us.
func (g guard) inFolders(folders []string) guard {
	folders = slices.DeleteFunc(folders, func(dir string) bool { return dir == "" })
	return g.with(clients.Here(os.Environ(), "").ProjectPaths(folders...))
}

// with guards more places.
func (g guard) with(names []string) guard {
	g.places = slices.Clone(g.places)
	for _, name := range names {
		if abs, err := filepath.Abs(name); err == nil && !strings.HasPrefix(name, "preset:") {
			g.places = append(g.places, abs, followed(abs))
		}
	}
	slices.Sort(g.places)
	g.places = slices.Compact(g.places)
	g.known = facts.NewProtected(g.places)
	return g
}

func present(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// followed is the path with the links of its deepest existing ancestor followed.
func followed(p string) string {
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	if parent := filepath.Dir(p); parent != p {
		return filepath.Join(followed(parent), filepath.Base(p))
	}
	return p
}

// named says which of the places a call names, empty for none. Removing or moving a folder above a place counts as naming it,
// and so does moving something to where such a folder would be: it may hold what the place is named for. Paths come canonical,
// in all their spellings, from the facts in q.
func (g guard) named(x *facts.Extractor, call *facts.Call, q *abi.Request) string {
	if place, named := x.Named(g.known, call); named {
		return place
	}
	moves := movesFiles(q.Action.Get("tool").Text())
	if !moves && q.Action.Get("type").Text() != string(facts.Delete) {
		return ""
	}
	var paths []string
	for _, m := range q.Resource.Get("paths").Items() {
		paths = append(paths, m.Value.Text())
	}
	if place := g.below(paths, present); place != "" {
		return place + ", which lies in what is to be moved or removed"
	}
	if moves {
		if place := g.below(slices.DeleteFunc(destinations(paths), present), nil); place != "" {
			return place + ", which would lie in what is moved there"
		}
	}
	return ""
}

// below is the first place below one of the folders that also is as it must be; nil asks nothing of it.
func (g guard) below(folders []string, as func(place string) bool) string {
	for _, folder := range folders {
		above := strings.TrimSuffix(folder, "/") + "/"
		for _, place := range g.places {
			if len(place) > len(above) && strings.EqualFold(place[:len(above)], above) && (as == nil || as(place)) {
				return place
			}
		}
	}
	return ""
}

// maxMoved is how many paths of one call are taken for something and the folder it is moved into.
const maxMoved = 32

// destinations are where what a call moves may come to lie: at one of its paths, or in one of them under its own name.
func destinations(paths []string) []string {
	all := slices.Clone(paths)
	for _, dir := range paths[:min(len(paths), maxMoved)] {
		for _, moved := range paths[:min(len(paths), maxMoved)] {
			all = append(all, filepath.Join(dir, filepath.Base(moved)))
		}
	}
	return all
}

// movesFiles reports whether a tool moves or renames, by its name. The tool table has no type for it: to rules it is a write.
func movesFiles(tool string) bool {
	name := strings.ReplaceAll(strings.ToLower(tool), "remove", "")
	return strings.Contains(name, "move") || strings.Contains(name, "rename") || name == "mv"
}
