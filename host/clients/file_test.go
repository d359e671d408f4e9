package clients_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agentmesh/host/clients"
)

const one = `{"mcpServers":{"a":{"command":"npx","args":["x"]}}}`

func write(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func read(t *testing.T, name string) *clients.File {
	t.Helper()
	f, err := clients.Read(clients.FileAt(name))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// wrapFile wraps a file on the disk.
func wrapFile(t *testing.T, name string) (backup string, err error) {
	t.Helper()
	f := read(t, name)
	after, _, err := f.Wrap(wrapping())
	if err != nil {
		t.Fatal(err)
	}
	return f.Write(after)
}

// alone holds that nothing but the names stands in a folder.
func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("%s holds %v, want %v", dir, got, names)
	}
}

func TestAFileThatChangedMeanwhileIsLeft(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, name string){
		"written": func(t *testing.T, name string) { write(t, name, `{}`, 0o600) },
		"removed": func(t *testing.T, name string) {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "c.json")
			write(t, file, one, 0o600)
			f := read(t, file)
			after, _, err := f.Wrap(wrapping())
			if err != nil {
				t.Fatal(err)
			}
			change(t, file)
			_, err = f.Write(after)
			if name == "written" {
				if !errors.Is(err, clients.ErrChanged) || content(t, file) != `{}` {
					t.Errorf("got %v, and the file holds %s", err, content(t, file))
				}
				alone(t, dir, "c.json")
			} else if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v, want that it does not exist", err)
			}
		})
	}
}

func TestAReadOnlyFileIsLeft(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.json")
	write(t, file, one, 0o444)
	if _, err := wrapFile(t, file); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "chmod u+w") {
		t.Errorf("got %v, want permission denied and the mend", err)
	}
	if content(t, file) != one {
		t.Error("it was changed")
	}
	alone(t, dir, "c.json")
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := clients.Read(clients.FileAt(dir)); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a folder: got %v", err)
	}
	if _, err := clients.Read(clients.FileAt(filepath.Join(dir, "none"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: got %v", err)
	}
}

func TestModeStaysAndTheCopyIsOfTheFirst(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.json")
	write(t, file, one, 0o640)
	backup, err := wrapFile(t, file)
	if err != nil || backup != clients.BackupOf(file) {
		t.Fatalf("got %q, %v", backup, err)
	}
	for _, name := range []string{file, backup} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: got mode %v, %v, want 0640", name, info.Mode(), err)
		}
	}
	alone(t, dir, "c.json", "c.json.before-agentmesh")
	if content(t, backup) != one {
		t.Errorf("the copy holds %s", content(t, backup))
	}
	if again, err := wrapFile(t, file); again != "" || err != nil {
		t.Errorf("nothing to change: got %q, %v", again, err)
	}

	// A server more, wrapped later: the copy stays that of the first time, and undoing keeps it, for it is another file.
	write(t, file, strings.Replace(content(t, file), `{"a":`, `{"b":{"command":"uvx"},"a":`, 1), 0o640)
	if _, err := wrapFile(t, file); err != nil || content(t, backup) != one {
		t.Errorf("got %v, and the copy holds %s", err, content(t, backup))
	}
	restore(t, file)
	if want := `{"mcpServers":{"b":{"command":"uvx"},"a":{"command":"npx","args":["x"]}}}`; content(t, file) != want {
		t.Errorf("restored\n%s, want\n%s", content(t, file), want)
	}
	alone(t, dir, "c.json", "c.json.before-agentmesh")
}

func restore(t *testing.T, name string) {
	t.Helper()
	f := read(t, name)
	after, _, err := f.Unwrap()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Restore(after); err != nil {
		t.Fatal(err)
	}
}

func TestUndoingTakesTheCopyAway(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.json")
	write(t, file, one, 0o600)
	if _, err := wrapFile(t, file); err != nil {
		t.Fatal(err)
	}
	restore(t, file)
	if content(t, file) != one {
		t.Errorf("restored %s", content(t, file))
	}
	alone(t, dir, "c.json")
}

func TestALinkStays(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "dotfiles", "c.json"), filepath.Join(dir, "c.json")
	write(t, target, one, 0o600)
	if err := os.Symlink(filepath.Join("dotfiles", "c.json"), link); err != nil {
		t.Fatal(err)
	}
	backup, err := wrapFile(t, link)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if !strings.Contains(content(t, target), "--wraps") {
		t.Error("its target was not changed")
	}
	if want, _ := filepath.EvalSymlinks(target); backup != clients.BackupOf(want) {
		t.Errorf("the copy is %s, want it beside %s", backup, want)
	}
}
