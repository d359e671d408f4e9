package release

import (
	"fmt"
	"regexp"
	"slices"
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

// overlap reports whether there can be a name that both prefixes match.
func overlap(a, b string) bool { return covers(a, b) || covers(b, a) }

func covers(a, b string) bool {
	scope, whole := strings.CutSuffix(a, "*")
	return a == b || whole && strings.HasPrefix(b, scope)
}

// grab refuses a new version of a root that begins to speak for names of another known root: who speaks most closely decides, and
// the operator took the root for what it spoke for then.
func (m *memory) grab(k *known, next *Root) *Refusal {
	for _, s := range next.Scopes {
		held := slices.ContainsFunc(k.Scopes, func(old Scope) bool { return old.Prefix == s.Prefix })
		if held || !k.mayClaim(s.Prefix) {
			continue
		}
		for _, other := range m.roots {
			if other.Name == k.Name || other.Name == LocalName {
				continue
			}
			if i := slices.IndexFunc(other.Scopes, func(o Scope) bool { return overlap(o.Prefix, s.Prefix) && other.mayClaim(o.Prefix) }); i >= 0 {
				return &Refusal{
					Code: CodeRootsDisagree, Detail: fmt.Sprintf("its version %d begins to speak for %s, and root %s speaks for %s", next.Version, s.Prefix, other.Name, other.Scopes[i].Prefix),
					Mend: "if that is right, remove root " + k.Name + " and add it again by its fingerprint; --only there says what it may speak for",
				}
			}
		}
	}
	return nil
}

// mayClaim reports whether the operator lets the root speak for any name of the prefix.
func (k *known) mayClaim(prefix string) bool {
	return len(k.remembered.only) == 0 || slices.ContainsFunc(k.remembered.only, func(o string) bool { return overlap(o, prefix) })
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
