package main_test

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestReleaseStories are told to the built commands: keys, trust, signed plugins and their way to a host.
func TestReleaseStories(t *testing.T) {
	p := stories(t, "release")
	p.Cmds["registry"] = startRegistry
	p.Cmds["fingerprint"] = fingerprint
	p.Cmds["alter"] = alter
	p.Cmds["until"] = until
	p.Condition = haveRegistry
	testscript.Run(t, p)
}
