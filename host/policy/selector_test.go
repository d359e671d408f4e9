package policy_test

import (
	"testing"

	"agentmesh/host/policy"
)

const aliceDID = "did:mesh:alice:mfrggzdfmztwq2lk"

func TestApplies(t *testing.T) {
	tests := []struct {
		name, glob, agent, did string
		want                   bool
	}{
		{"another name", "bob", "alice", aliceDID, false},
		{"another case", "Alice", "alice", aliceDID, false},
		{"a part of the name", "ali", "alice", aliceDID, false},
		{"more than the name", "alice-2", "alice", aliceDID, false},
		{"another fingerprint", "did:mesh:alice:aaaa", "alice", aliceDID, false},
		{"the short DID of another", "did:mesh:bob", "alice", aliceDID, false},
		{"name for one character more", "alice?", "alice", aliceDID, false},
		{"nobody by name", "alice", "", "", false},
		{"nobody by short DID", "did:mesh:*", "", "", false},
		{"brackets are no class", "[a]lice", "alice", aliceDID, false},
		{"name", "alice", "alice", aliceDID, true},
		{"full DID", aliceDID, "alice", aliceDID, true},
		{"short DID", "did:mesh:alice", "alice", aliceDID, true},
		{"short DID by name alone", "did:mesh:alice", "alice", "", true},
		{"short DID by DID alone", "did:mesh:alice", "", aliceDID, true},
		{"name by DID alone", "alice", "", aliceDID, true},
		{"name by short DID alone", "a*", "", "did:mesh:alice", true},
		{"another name than the DID's", "alice", "bob", aliceDID, false},
		{"no name in another kind of DID", "alice", "", "did:web:alice", false},
		{"short DID given", "did:mesh:alice", "", "did:mesh:alice", true},
		{"glob over the short DID", "did:*:a?ice", "alice", "", true},
		{"glob over the full DID", "did:mesh:alice:*", "", aliceDID, true},
		{"star", "*", "alice", "", true},
		{"star for nobody", "*", "", "", true},
		{"star in the middle", "a*e", "alice", "", true},
		{"several stars", "*l*c*", "alice", "", true},
		{"star that must go back", "*ab", "aab", "", true},
		{"star for nothing", "alice*", "alice", "", true},
		{"one character", "ali?e", "alice", "", true},
		{"one character of two bytes", "z?e", "zöe", "", true},
		{"star before it", "*?e", "zöe", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &policy.Policy{Agents: []string{"nobody-else", tt.glob}}
			if got := p.Applies(tt.agent, tt.did); got != tt.want {
				t.Errorf("%q applies to %q, %q: got %v, want %v", tt.glob, tt.agent, tt.did, got, tt.want)
			}
		})
	}
	if !(&policy.Policy{}).Applies("", "") {
		t.Error("a policy without agents does not apply to everyone")
	}
}

func TestAppliesAllocatesNothing(t *testing.T) {
	p := &policy.Policy{Agents: []string{"x*y", "did:mesh:bob", "did:*:ali?e"}}
	if n := testing.AllocsPerRun(100, func() { p.Applies("alice", aliceDID) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}
