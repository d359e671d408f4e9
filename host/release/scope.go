package release

import (
	"fmt"
	"regexp"
	"strings"

	"agentmesh/host/identity"
)

// Role says whose signatures count for one thing, and how many distinct keys must sign.
type Role struct {
	Threshold int
	Keys      []identity.KeyID
}

// Scope is the role of signing plugins whose names match Prefix: "scope/name" itself, "scope/*" or "*". Whole segments
// match, nothing less.
type Scope struct {
	Prefix string
	Role
}

// segment is one segment of a name.
const segment = `[a-z0-9.-]*[a-z0-9-][a-z0-9.-]*`

func checkPrefix(prefix string) error {
	if prefix == "*" || regexp.MustCompile(`^`+segment+`/(\*|`+segment+`)$`).MatchString(prefix) {
		return nil
	}
	return fmt.Errorf("scope %q is none; write scope/name, scope/* or *", prefix)
}

// specificity is how closely the prefix fits the name: 0 not at all, 1 "*", 2 "scope/*", 3 the name itself.
func specificity(prefix, name string) int {
	scope, whole := strings.CutSuffix(prefix, "/*")
	switch {
	case prefix == name:
		return 3
	case whole && strings.HasPrefix(name, scope+"/"):
		return 2
	case prefix == "*":
		return 1
	default:
		return 0
	}
}
