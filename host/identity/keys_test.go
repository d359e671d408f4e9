package identity_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age/armor"

	"agentmesh/host/identity"
)

func keys(t testing.TB) (*identity.Keys, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	k, err := identity.OpenKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k.Cheap(), dir
}

func create(t testing.TB, k *identity.Keys, name, passphrase string) *identity.PrivateKey {
	t.Helper()
	made := key(t)
	if err := k.Create(name, made, []byte(passphrase)); err != nil {
		t.Fatal(err)
	}
	return made
}

func says(passphrase string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(passphrase), nil }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestKeyFilesThatAreRefused damages a folder in which "plain" and "locked" are keys, and then loads one.
func TestKeyFilesThatAreRefused(t *testing.T) {
	rewrite := func(name string, change func(string) string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			text, err := os.ReadFile(filepath.Join(dir, name))
			must(t, err)
			changed := change(string(text))
			if changed == string(text) {
				t.Fatal("nothing was changed")
			}
			must(t, os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o600))
		}
	}
	for _, c := range []struct {
		name, load, says string
		is               error
		damage           func(t *testing.T, dir string)
	}{
		{"readable by the group", "plain", "chmod 600", nil, func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, "plain.key"), 0o640)) }},
		{"readable by all, under a passphrase", "locked", "chmod 600", nil, func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, "locked.key"), 0o604)) }},
		{"a symbolic link", "link", "symbolic link", nil, func(t *testing.T, dir string) {
			must(t, os.Symlink(filepath.Join(dir, "plain.key"), filepath.Join(dir, "link.key")))
		}},
		{"another user's", "plain", "belongs to user 12345", nil, func(t *testing.T, dir string) {
			if os.Geteuid() != 0 {
				t.Skip("only root can give a file away")
			}
			must(t, os.Chown(filepath.Join(dir, "plain.key"), 12345, -1))
		}},
		{"a folder", "folder", "no regular file", nil, func(t *testing.T, dir string) { must(t, os.Mkdir(filepath.Join(dir, "folder.key"), 0o700)) }},
		{"a pipe that nobody writes to", "pipe", "no regular file", nil, func(t *testing.T, dir string) {
			must(t, syscall.Mkfifo(filepath.Join(dir, "pipe.key"), 0o600))
		}},
		{"huge", "plain", "more than", nil, rewrite("plain.key", func(s string) string { return s + strings.Repeat("#", 20000) })},
		{"empty", "plain", "not a key file", nil, rewrite("plain.key", func(string) string { return "" })},
		{"the ledger's form", "plain", "not a key file", nil, rewrite("plain.key", func(string) string { return "PRIVATE" + "+KEY+agentmesh.ai/ledger/x+00000000+AAAA\n" })},
		{"a seed too short", "plain", "damaged", nil, rewrite("plain.key", func(s string) string { return s[:len(s)-3] + "\n" })},
		{"another seed", "plain", "does not belong", nil, rewrite("plain.key", func(s string) string {
			i := strings.Index(s, "SECRET-KEY-1") + 30
			other := "A"
			if s[i:i+1] == other {
				other = "B"
			}
			return s[:i] + other + s[i+1:]
		})},
		{"another id", "plain", "does not belong", nil, rewrite("plain.key", func(s string) string { return strings.Replace(s, "sha256:", "sha256:0", 1) })},
		{"something behind", "plain", "damaged", nil, rewrite("plain.key", func(s string) string { return s + "\n" })},
		{"another public key beside it", "plain", "another key's", nil, func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "plain.pub"), key(t).Public().Text(), 0o644))
		}},
		{"a damaged public key beside it", "plain", "not PEM", nil, rewrite("plain.pub", func(string) string { return "x" })},
		{"not there", "nobody", "no such file", fs.ErrNotExist, func(*testing.T, string) {}},
		{"the ledger's name", "ledger", "the ledger's", nil, func(*testing.T, string) {}},
		{"a path", "../plain", "a name has", nil, func(*testing.T, string) {}},
		{"a cut age file", "locked", "damaged", nil, rewrite("locked.key", func(s string) string { return s[:len(s)/2] })},
		{"something behind an age file", "locked", "damaged", nil, rewrite("locked.key", func(s string) string { return s + "more\n" })},
		{"an age file that would take hours to open", "locked", "work factor too large", nil, rewrite("locked.key", rework(t, "30"))},
		{"an age file with another text", "locked", "not a key file", nil, func(t *testing.T, dir string) {
			file, err := identity.Lock([]byte("dear diary"), []byte("correct horse"), 2)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, "locked.key"), file, 0o600))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, dir := keys(t)
			create(t, k, "plain", "")
			create(t, k, "locked", "correct horse")
			c.damage(t, dir)
			_, err := k.Load(c.load, says("correct horse"))
			if err == nil || !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
}

// rework changes the number in an age file that says what opening it costs.
func rework(t *testing.T, factor string) func(string) string {
	return func(file string) string {
		body := strings.TrimSuffix(strings.TrimPrefix(file, armor.Header+"\n"), armor.Footer+"\n")
		raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\n", ""))
		must(t, err)
		lines := strings.SplitN(string(raw), "\n", 3)
		fields := strings.Fields(lines[1]) // -> scrypt SALT FACTOR
		fields[3] = factor
		lines[1] = strings.Join(fields, " ")
		var out bytes.Buffer
		w := armor.NewWriter(&out)
		_, err = w.Write([]byte(strings.Join(lines, "\n")))
		must(t, errors.Join(err, w.Close()))
		return out.String()
	}
}

func TestPassphrases(t *testing.T) {
	k, dir := keys(t)
	made := create(t, k, "locked", "correct horse")
	if _, err := k.Load("locked", says("wrong horse")); !errors.Is(err, identity.ErrPassphrase) {
		t.Errorf("a wrong passphrase: got %v", err)
	}
	if _, err := k.Load("locked", says("")); err == nil {
		t.Error("an empty passphrase was taken")
	}
	if _, err := k.Load("locked", nil); !errors.Is(err, identity.ErrLocked) {
		t.Errorf("nobody to ask: got %v", err)
	}
	gone := errors.New("nobody is there")
	if _, err := k.Load("locked", func() ([]byte, error) { return nil, gone }); !errors.Is(err, gone) {
		t.Errorf("nobody answers: got %v", err)
	}
	got, err := k.Load("locked", says("correct horse"))
	must(t, err)
	if !got.Public().Equal(made.Public()) {
		t.Error("another key came back")
	}
	text, err := os.ReadFile(filepath.Join(dir, "locked.key"))
	must(t, err)
	if !bytes.HasPrefix(text, []byte(armor.Header)) || bytes.Contains(text, []byte("SECRET-KEY")) {
		t.Errorf("the file is not as age writes it: %.60s", text)
	}
}

func TestCreateAndLoad(t *testing.T) {
	k, dir := keys(t)
	made := create(t, k, "local", "")
	never := func() ([]byte, error) {
		t.Error("a passphrase was asked for")
		return nil, errors.New("none")
	}
	got, err := k.Load("local", never)
	must(t, err)
	sig := sign(t, got, identity.PurposeRoot, "x")
	must(t, made.Public().Verify(identity.PurposeRoot, []byte("x"), sig))
	public, err := k.Public("local")
	must(t, err)
	if !public.Equal(made.Public()) {
		t.Error("another public key came back")
	}
	if err := k.Create("local", key(t), nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second key of the name: got %v", err)
	}
	for name, want := range map[string]fs.FileMode{"": 0o700, "local.key": 0o600, "local.pub": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s: mode %04o, want %04o", name, info.Mode().Perm(), want)
		}
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 2 {
		t.Errorf("%d files are there, want 2", len(entries))
	}
}

// TestPublicKeyThatNeverCame is the folder after a crash between the two files.
func TestPublicKeyThatNeverCame(t *testing.T) {
	k, dir := keys(t)
	made := create(t, k, "plain", "")
	locked := create(t, k, "locked", "correct horse")
	must(t, errors.Join(os.Remove(filepath.Join(dir, "plain.pub")), os.Remove(filepath.Join(dir, "locked.pub"))))
	public, err := k.Public("plain")
	must(t, err)
	loaded, err := k.Load("locked", says("correct horse"))
	must(t, err)
	if !public.Equal(made.Public()) || !loaded.Public().Equal(locked.Public()) {
		t.Error("another key came back")
	}
	if _, err := k.Public("locked"); !errors.Is(err, identity.ErrLocked) {
		t.Errorf("the public key that only the passphrase shows: got %v", err)
	}
}

func TestList(t *testing.T) {
	k, dir := keys(t)
	if all, err := k.List(); err != nil || len(all) != 0 {
		t.Errorf("a folder that is not there: got %v, %v", all, err)
	}
	plain := create(t, k, "plain", "")
	locked := create(t, k, "locked", "correct horse")
	create(t, k, "open", "")
	must(t, os.Chmod(filepath.Join(dir, "open.key"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "ledger.key"), []byte("the ledger's"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "Upper.key"), []byte("no name of ours"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "guest.pub"), key(t).Public().Text(), 0o644))
	all, err := k.List()
	must(t, err)
	names := []string{}
	for _, l := range all {
		names = append(names, l.Name)
	}
	if want := []string{"locked", "open", "plain"}; !slices.Equal(names, want) {
		t.Fatalf("got %v, want %v", names, want)
	}
	if l := all[0]; l.ID != locked.Public().ID() || !l.Locked || l.Err != nil {
		t.Errorf("locked: got %+v", l)
	}
	if l := all[1]; l.ID != "" || l.Err == nil {
		t.Errorf("open: got %+v", l)
	}
	if l := all[2]; l.ID != plain.Public().ID() || l.Locked || l.Err != nil {
		t.Errorf("plain: got %+v", l)
	}
}

func TestFoldersThatAreRefused(t *testing.T) {
	base := t.TempDir()
	open, file, link := filepath.Join(base, "open"), filepath.Join(base, "file"), filepath.Join(base, "link")
	must(t, errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o750), os.WriteFile(file, nil, 0o600), os.Symlink(base, link)))
	for dir, says := range map[string]string{open: "chmod 700", file: "no folder", link: "symbolic link"} {
		if _, err := identity.OpenKeys(dir); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want an error that says %q", filepath.Base(dir), err, says)
		}
	}
}

// TestPublicFiles: others' public keys may be readable and linked to, as they are no secret.
func TestPublicFiles(t *testing.T) {
	k, dir := keys(t)
	made := create(t, k, "a", "")
	link := filepath.Join(t.TempDir(), "team.pub")
	must(t, os.Symlink(filepath.Join(dir, "a.pub"), link))
	got, err := identity.ReadPublic(link)
	must(t, err)
	if !got.Equal(made.Public()) {
		t.Error("another key came back")
	}
	if _, err := identity.ReadPublic(filepath.Join(dir, "a.key")); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("a private key in place of a public one: got %v", err)
	}
}
