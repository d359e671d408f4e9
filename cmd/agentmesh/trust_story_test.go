package main_test

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"agentmesh/host/identity"
	"agentmesh/host/release"
)

// longAgo signs a module and makes a trust root of one key, whose index lists the module and ended three days ago; longago.json
// is that index. It was taken in time.
func longAgo(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: longago MODULE KEY")
	}
	key, err := identity.ReadPrivate(ts.MkAbs(args[1]), nil)
	ts.Check(err)
	module, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	then := time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -10)

	statement, err := release.StatementOf(module)
	ts.Check(err)
	vouched := statement.Envelope()
	ts.Check(vouched.Sign(key))
	ts.Check(release.WriteBeside(ts.MkAbs(args[0]), vouched))

	only := release.Role{Threshold: 1, Keys: []identity.KeyID{key.Public().ID()}}
	root := release.Root{
		Name: "longago", Version: 1, Issued: then, Expires: then.AddDate(1, 0, 0), Keys: []release.RootKey{{Key: key.Public(), Owner: "ann"}},
		Root: only, Index: &only, Scopes: []release.Scope{{Prefix: "acme/*", Role: only}},
	}
	signed := root.Envelope()
	ts.Check(signed.Sign(key))
	entry, err := release.EntryOf(module, "")
	ts.Check(err)
	list := release.Index{Root: root.Name, Version: 1, Issued: then, Expires: then.AddDate(0, 0, 7), Entries: []release.Entry{entry}}
	listed := list.Envelope()
	ts.Check(listed.Sign(key))
	ts.Check(os.WriteFile(ts.MkAbs("longago.json"), release.AppendEnvelope(nil, &listed), 0o600))

	home := ts.Getenv("AGENTMESH_HOME")
	ts.Check(os.MkdirAll(home, 0o700))
	trust, err := release.Open(filepath.Join(home, "trust"), release.Options{Now: func() time.Time { return then }})
	ts.Check(err)
	_, err = trust.AddRoot(release.AppendEnvelope(nil, &signed), signed.Digest())
	ts.Check(err)
	ts.Check(trust.Update(context.Background(), nil, release.AppendEnvelope(nil, &listed)))
}
