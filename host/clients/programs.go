package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Here is the system we run on, with the variables in environ and the project folder dir, which may be empty.
func Here(environ []string, dir string) System {
	env := func(name string) string {
		for _, v := range slices.Backward(environ) {
			if key, value, _ := strings.Cut(v, "="); key == name || runtime.GOOS == "windows" && strings.EqualFold(key, name) {
				return value
			}
		}
		return ""
	}
	home := env("HOME")
	if runtime.GOOS == "windows" {
		home = env("USERPROFILE")
	}
	if home == "" {
		home, _ = os.UserHomeDir() // without a home there are no places below it
	}
	return System{OS: runtime.GOOS, Home: home, Dir: dir, Env: env}
}

// Resolve finds a program by absolute path: a bare name in path, a list of folders, or where that is empty in the PATH
// of the system; a name that begins with ~/ below the home folder. Names relative to a folder are not resolved, for
// only the client knows which it starts servers in; nor are those that hold variables.
func (s System) Resolve(command, path string) (string, bool) {
	if rest, below := strings.CutPrefix(command, "~/"); below {
		command = filepath.Join(s.Home, rest)
	}
	if filepath.IsAbs(command) {
		return command, Runs(command)
	}
	if strings.ContainsAny(command, `/\$`) {
		return command, false
	}
	if path == "" {
		path = s.env("PATH")
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		// LookPath adds the endings that the system knows programs by.
		if found, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return found, true
		}
	}
	return command, false
}

// Runs reports whether a program is there and may be started.
func Runs(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Binary is the program we run as, by a path that lasts: where the PATH leads to the same file by a link, as package
// managers have it, that link outlives the version it points to.
func (s System) Binary() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(own); err == nil {
		own = real
	}
	linked, found := s.Resolve(filepath.Base(own), "")
	if !found {
		return own, nil
	}
	a, errA := os.Stat(own)
	b, errB := os.Stat(linked)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return linked, nil
	}
	return own, nil
}
