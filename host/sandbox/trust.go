package sandbox

import (
	"path/filepath"

	"agentmesh/host/disk"
	"agentmesh/host/policy"
)

// maxFile is the size of a policy file or module at most.
const maxFile = 16 << 20

// trusted reads files that only the operator can have written, through links too. It remembers the names it was asked for.
type trusted struct {
	seen map[string]bool
}

var _ policy.Files = (*trusted)(nil)

// ReadFile implements policy.Files.
func (t *trusted) ReadFile(name string) ([]byte, error) {
	name = filepath.Clean(filepath.FromSlash(name))
	t.seen[name] = true
	data, _, err := disk.Read(name, disk.Rule{Most: maxFile, Check: disk.Trusted, Links: true})
	return data, err
}
