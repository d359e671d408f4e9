package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host"
	"agentmesh/host/disk"
	"agentmesh/host/identity"
	"agentmesh/host/release"
)

func trustRootCommand(e *env) *cobra.Command {
	return noun("trust-root", "Say whose signatures count for which plugins",
		`A trust root is a signed file: keys, how many distinct ones must sign for which names, and which are revoked. Its owners make it by init,
sign it one after another, and change it by rotate, which takes the signatures of the version before too. Operators take it by its file
and a fingerprint that they got another way.`,
		initTrustRootCommand(e), signTrustRootCommand(e), rotateTrustRootCommand(e), showTrustRootCommand(e), addTrustRootCommand(e),
		removeTrustRootCommand(e), permitTrustRootCommand(e))
}

// trust opens the folder of trust of the state folder; nothing is made there.
func (e *env) trust() (*release.Trust, error) {
	state, err := e.state()
	if err != nil {
		return nil, err
	}
	t, err := release.Open(filepath.Join(string(state), trustDir), release.Options{})
	return t, refusal(err)
}

// ownTrust is trust for a command that writes there, with the state folder made where there is none.
func (e *env) ownTrust() (*release.Trust, error) {
	home, err := host.Home(e.environ)
	if err != nil {
		return nil, err
	}
	if _, err := host.OpenState(home); err != nil {
		return nil, err
	}
	return e.trust()
}

// trustDir is where trust lies in the state folder.
const trustDir = "trust"

// refusal ends a command with exit code 3 where something is not trusted, its mend as the hint.
func refusal(err error) error {
	var r *release.Refusal
	var told *exit
	if !errors.As(err, &r) || errors.As(err, &told) {
		return err
	}
	return &exit{code: exitDenied, err: err, hint: r.Mend}
}

// readSigned reads a file of one envelope.
func readSigned(name string) (release.Envelope, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return release.Envelope{}, err
	}
	e, err := release.ReadEnvelope(src)
	if err != nil {
		return e, refusal(fmt.Errorf("%s: %w", name, err))
	}
	return e, nil
}

// writeSigned writes an envelope; a new file, or what was there with more signatures.
func writeSigned(name string, e *release.Envelope) error {
	return disk.Replace(name, append(release.AppendEnvelope(nil, e), '\n'), 0o644)
}

// absent refuses to overwrite a file that nobody wants to lose.
func absent(name string) error {
	if _, err := os.Lstat(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return withHint(fmt.Errorf("%s is there already", name), "name another by --out, or move it away")
	}
	return nil
}

// howLong reads how long something lasts: 12h, 7d.
func howLong(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 || d > 100*365*24*time.Hour {
		return 0, usage("write 12h or 7d", "%q is no time that something lasts", s)
	}
	return d, nil
}

// seconds is the present in whole seconds, as signed files have it.
func seconds() time.Time { return time.Now().UTC().Truncate(time.Second) }

// publicKey finds the public key that an argument names, NAME or FILE, with =OWNER after it where its owner is called
// otherwise.
func (e *env) publicKey(arg string) (release.RootKey, error) {
	name, owner, named := strings.Cut(arg, "=")
	if !named {
		owner = strings.TrimSuffix(strings.TrimSuffix(filepath.Base(name), ".pub"), ".key")
	}
	if isKeyFile(name) {
		key, err := publicOf(name, nil)
		return release.RootKey{Key: key, Owner: owner}, keyHint(err)
	}
	keys, _, err := e.keys()
	if err != nil {
		return release.RootKey{}, err
	}
	key, err := keys.Public(name)
	return release.RootKey{Key: key, Owner: owner}, keyHint(err)
}

// rootKeys are the keys that flags name, each once.
func (e *env) rootKeys(args []string) ([]release.RootKey, error) {
	var out []release.RootKey
	for _, arg := range args {
		k, err := e.publicKey(arg)
		if err != nil {
			return nil, err
		}
		for _, other := range out {
			if other.Key.Equal(k.Key) {
				return nil, usage("each signer has a key of their own", "%s and %s are one key", other.Owner, k.Owner)
			}
			if other.Owner == k.Owner {
				return nil, usage("--key FILE=OWNER says whose it is", "two keys of %s", k.Owner)
			}
		}
		out = append(out, k)
	}
	return out, nil
}

// idOf finds a key of a root by its owner or by its id.
func idOf(r *release.Root, who string) (identity.KeyID, error) {
	var owners []string
	for _, k := range r.Keys {
		if k.Owner == who || string(k.Key.ID()) == who {
			return k.Key.ID(), nil
		}
		owners = append(owners, k.Owner)
	}
	return "", usage("its keys are those of "+strings.Join(owners, ", "), "root %s has no key of %s", r.Name, who)
}

func idsOf(r *release.Root, who []string) ([]identity.KeyID, error) {
	var out []identity.KeyID
	for _, w := range who {
		id, err := idOf(r, w)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// scopeOf reads PREFIX, PREFIX=THRESHOLD or PREFIX=THRESHOLD:OWNER,OWNER; without owners the keys of the root role count.
func scopeOf(r *release.Root, arg string) (release.Scope, error) {
	prefix, rest, _ := strings.Cut(arg, "=")
	s := release.Scope{Prefix: prefix, Role: r.Root}
	if rest == "" {
		return s, nil
	}
	threshold, owners, named := strings.Cut(rest, ":")
	n, err := strconv.Atoi(threshold)
	if err != nil {
		return s, usage("write 'eu.ai-act/*=2:ann,bob'", "scope %q: %q is no threshold", arg, threshold)
	}
	s.Threshold = n
	if named {
		s.Keys, err = idsOf(r, strings.Split(owners, ","))
	}
	return s, err
}

// findRoot finds a root by name among those that are known, or reads its file.
func (e *env) findRoot(arg string) (*release.Root, *release.Envelope, error) {
	if strings.ContainsRune(arg, os.PathSeparator) || filepath.Ext(arg) == ".json" {
		env, err := readSigned(arg)
		if err != nil {
			return nil, nil, err
		}
		if env.PayloadType != release.TypeRoot {
			return nil, nil, usage("", "%s holds %s, and no trust root", arg, env.PayloadType)
		}
		r, err := release.ReadRoot(env.Payload)
		if err != nil {
			return nil, nil, refusal(fmt.Errorf("%s: %w", arg, err))
		}
		return r, &env, nil
	}
	t, err := e.trust()
	if err != nil {
		return nil, nil, err
	}
	chain, _, err := t.Documents(arg)
	if err != nil {
		return nil, nil, withHint(err, "`agentmesh trust-root show` lists the roots that are known; a file is named by its path")
	}
	env, err := release.ReadEnvelope(bytes.TrimSpace(chain[len(chain)-1]))
	if err != nil {
		return nil, nil, refusal(err)
	}
	r, err := release.ReadRoot(env.Payload)
	return r, &env, refusal(err)
}
