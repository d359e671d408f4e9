package release

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"agentmesh/host/identity"
)

// localYears is how long the local root lasts. It ends with the machine; a date that comes sooner would only surprise.
const localYears = 25

// Local returns the key of this machine's own trust root, a root of one key that speaks for every name that no other root
// speaks for more closely. Key and root are made when there are none; made says so.
func (t *Trust) Local(keys *identity.Keys) (key *identity.PrivateKey, made bool, err error) {
	err = t.change(func(e *edit) error {
		known := e.mem.root(LocalName)
		key, err = keys.Load(LocalName, nil)
		switch {
		case errors.Is(err, fs.ErrNotExist) && known == nil:
			if key, err = identity.Generate(); err == nil {
				err = keys.Create(LocalName, key, nil)
			}
		case errors.Is(err, fs.ErrNotExist):
			return &Refusal{
				Code: CodeStateInvalid, Place: "root " + LocalName, Detail: "its key is gone",
				Mend: "restore it, or agentmesh trust-root remove local, and sign your modules again",
			}
		}
		if err != nil {
			return fmt.Errorf("key of the local trust root: %w", err)
		}
		if known != nil {
			if known.key(key.Public().ID()) == nil {
				return &Refusal{
					Code: CodeStateInvalid, Place: "root " + LocalName, Detail: "the key named local is not its key",
					Mend: "restore the key, or agentmesh trust-root remove local, and sign your modules again",
				}
			}
			return nil
		}
		made = true
		return e.local(key)
	})
	return key, made, err
}

func (e *edit) local(key *identity.PrivateKey) error {
	now := e.trust.now(e.mem).UTC().Truncate(timeStep)
	r := LocalRoot(key.Public(), now)
	envelope := r.Envelope()
	if err := envelope.Sign(key); err != nil {
		return err
	}
	return e.add(r, &envelope, nil)
}

// LocalRoot is the trust root of one key for everything, from now on.
func LocalRoot(key *identity.PublicKey, now time.Time) *Root {
	role := Role{Threshold: 1, Keys: []identity.KeyID{key.ID()}}
	return &Root{
		Name: LocalName, Version: 1, Issued: now, Expires: now.AddDate(localYears, 0, 0),
		Keys: []RootKey{{Key: key, Owner: LocalName}}, Root: role, Scopes: []Scope{{Prefix: "*", Role: role}},
	}
}
