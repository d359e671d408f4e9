package main_test

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestReleaseStories are told to the built commands: keys, trust, signed plugins and their way to a host.
func TestReleaseStories(t *testing.T) { releaseStories(t, stories(t, "release")) }

// TestTheLifeOfARule is the whole story of one rule, from its signers to the log: testdata/release.
func TestTheLifeOfARule(t *testing.T) {
	p := stories(t, "")
	p.Dir = filepath.Join("..", "..", "testdata", "release")
	releaseStories(t, p)
}

func releaseStories(t *testing.T, p testscript.Params) {
	t.Helper()
	p.Cmds["registry"] = startRegistry
	p.Cmds["fingerprint"] = fingerprint
	p.Cmds["alter"] = alter
	p.Cmds["until"] = until
	p.Cmds["longago"] = longAgo
	p.Condition = haveRegistry
	testscript.Run(t, p)
}
