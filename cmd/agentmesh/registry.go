package main

import (
	"errors"
	"syscall"

	"github.com/spf13/cobra"

	"agentmesh/host/oci"
)

// registry is how a command speaks to an OCI registry.
type registry struct {
	plainHTTP bool
	ca        string
}

// registryFlags adds what every command that speaks to a registry takes.
func registryFlags(c *cobra.Command) *registry {
	var r registry
	c.Flags().BoolVar(&r.plainHTTP, "plain-http", false, "speak plain HTTP to the registry, without credentials; loopback needs no flag")
	c.Flags().StringVar(&r.ca, "ca", "", "PEM file of certificate authorities to believe beside the system's")
	return &r
}

// client speaks to registries; progress may be nil.
func (r *registry) client(progress func(done, total int64)) (*oci.Client, error) {
	return oci.New(oci.Options{PlainHTTP: r.plainHTTP, CAFile: r.ca, Progress: progress, UserAgent: "agentmesh/" + version})
}

// ends says how the process ends by an error that no command has put into words: what a registry or a folder sent and is
// refused is 3, a reference that is none 2, what could not be had 1.
func ends(err error) *exit {
	e, ok := errors.AsType[*oci.Error](err)
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
	switch {
	case !ok && full:
		return &exit{code: exitFailed, err: err, hint: "free some space, then do it again: what was in force stays so"}
	case !ok:
		return &exit{code: exitFailed, err: err}
	case e.Refuses():
		return &exit{code: exitDenied, err: err, hint: e.Mend}
	case e.Code == oci.CodeReferenceInvalid:
		return &exit{code: exitUsage, err: err, hint: e.Mend}
	}
	return &exit{code: exitFailed, err: err, hint: e.Mend}
}
