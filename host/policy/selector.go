package policy

import (
	"strings"
	"unicode/utf8"
)

// shortDID is what a name follows in the short form of a DID.
const shortDID = "did:mesh:"

// Applies reports whether the policy selects an agent: whether one of Agents, read as a glob, matches its name, its DID, or
// the short form of it, did:mesh:NAME. In a glob * stands for any characters, also none, and ? for one; case counts. A policy
// without Agents selects everyone. Either of name and did may be empty; without a name, the one that the DID holds serves.
// It allocates nothing.
func (p *Policy) Applies(name, did string) bool {
	if len(p.Agents) == 0 {
		return true
	}
	if name == "" {
		name = nameOf(did)
	}
	for _, glob := range p.Agents {
		if matchGlob(glob, "", name) || did != "" && matchGlob(glob, "", did) || matchShort(glob, name, did) {
			return true
		}
	}
	return false
}

// nameOf is the name that a DID holds, or empty: leaving the name out must not take an agent out of a policy's reach.
func nameOf(did string) string {
	rest, _ := strings.CutPrefix(did, shortDID)
	if len(rest) == len(did) {
		return ""
	}
	name, _, _ := strings.Cut(rest, ":")
	return name
}

// matchShort matches the short DID: the DID without its fingerprint, or what the name would have, for a name may be all
// that is known.
func matchShort(glob, name, did string) bool {
	if rest, ok := strings.CutPrefix(did, shortDID); ok {
		short, _, _ := strings.Cut(rest, ":")
		return matchGlob(glob, shortDID, short)
	}
	return name != "" && matchGlob(glob, shortDID, name)
}

// matchGlob matches head and tail written one behind the other. It goes through them and the glob from the left; where they
// differ, the last * takes one character more.
func matchGlob(glob, head, tail string) bool {
	star, retry := -1, 0
	g, at := 0, 0
	for at < len(head)+len(tail) {
		c, size := characterAt(head, tail, at)
		switch {
		case g < len(glob) && glob[g] == '*':
			star, retry = g, at
			g++
		case g < len(glob) && glob[g] == '?':
			g++
			at += size
		case strings.HasPrefix(glob[g:], c):
			g += size
			at += size
		case star >= 0:
			_, size := characterAt(head, tail, retry)
			retry += size
			g, at = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(glob[g:], "*") == ""
}

func characterAt(head, tail string, at int) (c string, size int) {
	s := head
	if at >= len(head) {
		s, at = tail, at-len(head)
	}
	_, size = utf8.DecodeRuneInString(s[at:])
	return s[at : at+size], size
}
