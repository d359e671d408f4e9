package disk_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"agentmesh/host/disk"
)

// A file that must survive: one process at a time reads it, changes it and puts it back whole.
func Example() {
	dir, err := os.MkdirTemp("", "disk")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "state")
	held, err := disk.LockFile(file+".lock", true)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer held.Close()
	if err := disk.Replace(file, []byte("one\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	text, _, err := disk.Read(file, disk.Rule{Most: 1 << 10, Check: disk.Trusted})
	fmt.Printf("%s%v\n", text, err)

	_, err = disk.LockFile(file+".lock", false)
	fmt.Println(errors.Is(err, disk.ErrHeld))
	// Output:
	// one
	// <nil>
	// true
}

// What others could have written is told with what mends it.
func ExampleTrusted() {
	dir, err := os.MkdirTemp("", "disk")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "rules.yaml")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Chmod(file, 0o666)); err != nil {
		fmt.Println(err)
		return
	}
	_, _, err = disk.Read(file, disk.Rule{Most: 1 << 20, Check: disk.Trusted})
	var untrusted *disk.UntrustedError
	fmt.Println(errors.As(err, &untrusted), untrusted.Why)
	// Output: true can be written by others (mode 0666)
}
