package release

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"agentmesh/host/identity"
	"agentmesh/pdk/abi"
)

// Algorithm is the one signature algorithm of trust roots, id-MLDSA65-Ed25519-SHA512. A root that names another is refused:
// what signs cannot be made weaker by what is signed.
const Algorithm = "MLDSA65-Ed25519-SHA512"

// LocalName is the name of the trust root that a machine makes for itself. No other root has it.
const LocalName = "local"

// RootKey is a key that a trust root knows.
type RootKey struct {
	Key *identity.PublicKey
	// Owner says for people whose key it is.
	Owner string
}

// Revocation takes a key back: what it signed counts no more, whenever it was signed.
type Revocation struct {
	Key    identity.KeyID
	Reason string
}

// Root is a trust root: whose keys count for which names. It is signed by Root.Threshold distinct keys of its own, and from
// version 2 on by as many of the version before as that one wants.
type Root struct {
	Name            string
	Version         int64
	Issued, Expires time.Time
	Keys            []RootKey // sorted by id when written
	Root            Role
	// Index is who signs indexes; without it plugins need not be listed.
	Index   *Role
	Scopes  []Scope
	Revoked []Revocation
	// Source is where the index is followed from, an oci:// reference, or empty.
	Source string
}

// latticeKey is where the ML-DSA-65 half of a public key ends and the Ed25519 half begins.
const latticeKey = identity.PublicKeySize - 32

// What a trust root may have at most.
const (
	maxRootKeys    = 128
	maxScopes      = 256
	maxRevocations = 1024
)

// Payload is the root as JSON, the bytes that are signed. Its SHA-256 is the fingerprint.
func (r *Root) Payload() []byte {
	keys := slices.Clone(r.Keys)
	slices.SortFunc(keys, func(a, b RootKey) int { return strings.Compare(string(a.Key.ID()), string(b.Key.ID())) })
	members := make([]abi.Member, len(keys))
	for i, k := range keys {
		members[i] = member(string(k.Key.ID()), abi.ObjectValue(
			text("public", base64.StdEncoding.EncodeToString(k.Key.Bytes())), text("owner", k.Owner)))
	}
	var index abi.Value
	if r.Index != nil {
		index = abi.ObjectValue(r.Index.members()...)
	}
	scopes := make([]abi.Value, len(r.Scopes))
	for i, s := range r.Scopes {
		scopes[i] = abi.ObjectValue(append([]abi.Member{text("prefix", s.Prefix)}, s.members()...)...)
	}
	revoked := make([]abi.Value, len(r.Revoked))
	for i, v := range r.Revoked {
		revoked[i] = abi.ObjectValue(text("key", string(v.Key)), text("reason", v.Reason))
	}
	return abi.AppendJSON(nil, abi.ObjectValue(
		text("type", "root"), text("name", r.Name), number("version", r.Version), moment("issued", r.Issued), moment("expires", r.Expires),
		text("algorithm", Algorithm), member("keys", abi.ObjectValue(members...)), member("root", abi.ObjectValue(r.Root.members()...)),
		member("index", index), member("scopes", abi.ListValue(scopes...)), member("revoked", abi.ListValue(revoked...)),
		text("source", r.Source),
	))
}

func (r *Role) members() []abi.Member {
	ids := make([]string, len(r.Keys))
	for i, id := range r.Keys {
		ids[i] = string(id)
	}
	return []abi.Member{number("threshold", int64(r.Threshold)), member("keys", abi.StringsValue(ids))}
}

// Envelope is the root ready to be signed.
func (r *Root) Envelope() Envelope { return Envelope{PayloadType: TypeRoot, Payload: r.Payload()} }

// ReadRoot reads the payload of a root and holds it against the rules for roots. Signatures and dates are not looked at.
// The error is a *Refusal.
func ReadRoot(payload []byte) (*Root, error) {
	r, err := readRoot(payload)
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return nil, &Refusal{Code: CodeRootInvalid, Detail: err.Error()}
	}
	return r, nil
}

func readRoot(payload []byte) (*Root, error) {
	if len(payload) > maxRootPayload {
		return nil, fmt.Errorf("trust root: %d bytes; at most %d are read", len(payload), maxRootPayload)
	}
	f := readFields(payload, "trust root")
	f.is("type", "root")
	f.is("algorithm", Algorithm)
	r := &Root{
		Name: f.text("name"), Version: f.count("version"), Issued: f.time("issued"), Expires: f.time("expires"), Source: f.maybe("source"),
	}
	keys := f.take("keys")
	root, index := f.take("root"), f.take("index")
	scopes, revoked := f.list("scopes", maxScopes), f.list("revoked", maxRevocations)
	if err := f.end(); err != nil {
		return nil, err
	}
	if err := r.readKeys(keys); err != nil {
		return nil, err
	}
	if err := r.readRoles(root, index, scopes); err != nil {
		return nil, err
	}
	for _, item := range revoked {
		f := fieldsOf(item.Value, "trust root: revoked")
		r.Revoked = append(r.Revoked, Revocation{Key: identity.KeyID(f.digest("key")), Reason: f.maybe("reason")})
		if err := f.end(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Root) readKeys(v abi.Value) error {
	if v.Kind() != abi.Object || v.Len() == 0 || v.Len() > maxRootKeys {
		return fmt.Errorf("trust root: keys must be an object of 1 to %d keys", maxRootKeys)
	}
	halves := map[string]bool{}
	for _, m := range v.Items() {
		f := fieldsOf(m.Value, "trust root: key "+m.Name)
		raw, owner := f.base64("public"), f.maybe("owner")
		if err := f.end(); err != nil {
			return err
		}
		key, err := identity.ParsePublicKey(raw)
		if err != nil {
			return fmt.Errorf("trust root: key %s: %w", m.Name, err)
		}
		if string(key.ID()) != m.Name {
			return fmt.Errorf("trust root: the key under %s is %s", m.Name, key.ID())
		}
		for _, half := range []string{string(raw[:latticeKey]), string(raw[latticeKey:])} {
			if halves[half] { // else one secret would count for two signers
				return fmt.Errorf("trust root: key %s shares a half with another key", m.Name)
			}
			halves[half] = true
		}
		r.Keys = append(r.Keys, RootKey{Key: key, Owner: owner})
	}
	return nil
}

func (r *Root) readRoles(root, index abi.Value, scopes []abi.Member) error {
	var err error
	if r.Root, err = readRole(fieldsOf(root, "trust root: root")); err != nil {
		return err
	}
	if index.Exists() {
		role, err := readRole(fieldsOf(index, "trust root: index"))
		if err != nil {
			return err
		}
		r.Index = &role
	}
	for _, item := range scopes {
		f := fieldsOf(item.Value, "trust root: scope")
		s := Scope{Prefix: f.text("prefix")}
		if s.Role, err = readRole(f); err != nil {
			return err
		}
		r.Scopes = append(r.Scopes, s)
	}
	return nil
}

func readRole(f *fields) (Role, error) {
	role := Role{Threshold: int(min(f.count("threshold"), maxRootKeys+1))}
	for _, id := range f.texts("keys", maxRootKeys) {
		role.Keys = append(role.Keys, identity.KeyID(id))
	}
	return role, f.end()
}

// rootName is what a root may be called; it is also a folder.
func validRootName(name string) bool {
	return len(name) <= 64 && regexp.MustCompile(`^`+segment+`$`).MatchString(name)
}

// check holds the rules of roots that no reader needs to know the rest of the world for.
func (r *Root) check() error {
	switch {
	case !validRootName(r.Name):
		return fmt.Errorf("trust root: the name %q must be up to 64 of a-z 0-9 . -", r.Name)
	case !r.Issued.Before(r.Expires):
		return fmt.Errorf("trust root: it expires before it was issued")
	case len(r.Scopes) == 0:
		return fmt.Errorf("trust root: it has no scopes, so it speaks for nothing")
	}
	if err := r.checkRole("root", &r.Root, true); err != nil {
		return err
	}
	if r.Index != nil {
		if err := r.checkRole("index", r.Index, true); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for i := range r.Scopes {
		s := &r.Scopes[i]
		if err := checkPrefix(s.Prefix); err != nil {
			return fmt.Errorf("trust root: %w", err)
		}
		if seen[s.Prefix] {
			return fmt.Errorf("trust root: scope %s is there twice", s.Prefix)
		}
		seen[s.Prefix] = true
		if err := r.checkRole("scope "+s.Prefix, &s.Role, false); err != nil {
			return err
		}
	}
	return r.checkRevoked()
}

// checkRole holds that a role can be filled. Where lasting, by keys that are not revoked: a root or index role that nobody
// could fill would end the root's life, while a scope without signers is how its plugins are stopped.
func (r *Root) checkRole(what string, role *Role, lasting bool) error {
	distinct := map[identity.KeyID]bool{}
	for _, id := range role.Keys {
		if distinct[id] {
			return fmt.Errorf("trust root: %s: key %s is there twice", what, id)
		}
		if r.key(id) == nil {
			return fmt.Errorf("trust root: %s: key %s is not among the keys", what, id)
		}
		distinct[id] = !lasting || !r.revoked(id)
	}
	count := 0
	for _, counts := range distinct {
		if counts {
			count++
		}
	}
	if role.Threshold < 1 || role.Threshold > count {
		return fmt.Errorf("trust root: %s: a threshold of %d cannot be met by %d distinct keys", what, role.Threshold, count)
	}
	return nil
}

func (r *Root) checkRevoked() error {
	seen := map[identity.KeyID]bool{}
	for _, v := range r.Revoked {
		if seen[v.Key] {
			return fmt.Errorf("trust root: key %s is revoked twice", v.Key)
		}
		seen[v.Key] = true
	}
	return nil
}

func (r *Root) key(id identity.KeyID) *RootKey {
	for i := range r.Keys {
		if r.Keys[i].Key.ID() == id {
			return &r.Keys[i]
		}
	}
	return nil
}

// Owner is whose key it is, for people; the id when the root does not say.
func (r *Root) Owner(id identity.KeyID) string {
	if k := r.key(id); k != nil && k.Owner != "" {
		return k.Owner
	}
	return string(id)
}

func (r *Root) revoked(id identity.KeyID) bool {
	return slices.ContainsFunc(r.Revoked, func(v Revocation) bool { return v.Key == id })
}

// keys are the public keys of a role.
func (r *Root) keys(role *Role) map[identity.KeyID]*identity.PublicKey {
	out := map[identity.KeyID]*identity.PublicKey{}
	for _, id := range role.Keys {
		if k := r.key(id); k != nil {
			out[id] = k.Key
		}
	}
	return out
}

// scope is the one whose prefix fits the name best, nil when none does.
func (r *Root) scope(name string) (*Scope, int) {
	var best *Scope
	closest := 0
	for i := range r.Scopes {
		if n := specificity(r.Scopes[i].Prefix, name); n > closest {
			best, closest = &r.Scopes[i], n
		}
	}
	return best, closest
}
