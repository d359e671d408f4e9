package main

import (
	"context"
	"errors"
	"io"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"agentmesh/host"
	"agentmesh/host/sandbox"
)

func serveCommand(environ []string, stderr io.Writer) *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve decisions over HTTP",
		Long: `Loads the rules in the folders given, watches them, and answers POST /v1/decide. An edit takes effect at once; one that does
not load changes nothing, and /readyz says what is wrong. SIGTERM ends it in order: what is under way is answered, the ledger signed.

Flags go over the environment (AGENTMESH_LISTEN, AGENTMESH_DIRS__POLICIES, …), that over config.yaml in the state folder.`,
		Example: `  meshhost serve --policies policies/example
  meshhost serve --policies /etc/agentmesh/policies --plugins /etc/agentmesh/plugins --socket /run/agentmesh/decide.sock --listen ''
  curl -s -H "Authorization: Bearer $(cat ~/.local/state/agentmesh/token)" -H 'Content-Type: application/json' \
       -d '{"action":{"type":"read"}}' http://127.0.0.1:8470/v1/decide`,
		Args: noArguments,
	}
	f := c.Flags()
	f.String("config", "", "configuration file (default: config.yaml in the state folder)")
	f.StringSlice("policies", nil, "folder of policies, a policy file, or preset:NAME; repeatable")
	f.StringSlice("plugins", nil, "folder of signed modules (.wasm); repeatable")
	f.StringSlice("allow-unsigned", nil, "folder of modules that run whoever made them, for development; repeatable")
	f.Bool("plain-http", false, "ask OCI registries beyond this machine without TLS")
	f.String("ca", "", "PEM file of authorities that OCI registries' certificates may be of, beside the system's")
	f.String("listen", "", "address to listen on; beyond loopback it needs TLS")
	f.String("socket", "", "unix socket to listen on as well, for this user alone and without a token")
	f.StringSlice("root", nil, "folder that tools may work in (resource.outside_roots); repeatable")
	f.StringSlice("tools", nil, "file that extends the tool table; repeatable")
	f.String("environment", "", "what rules see as context.environment")
	f.String("ledger-mode", "", "when a decision counts as recorded: sync (on the disk) or os (with the operating system)")
	f.String("store", "", "database for counters and the ledger's index: the path of an SQLite file")
	f.String("tls-cert", "", "PEM file with the certificate chain")
	f.String("tls-key", "", "PEM file with its key")
	f.String("log-level", "", "trace, debug, info, warn, error or off")
	f.String("log-format", "", "text or json")
	c.RunE = func(c *cobra.Command, _ []string) error { return serve(c, environ, stderr) }
	return c
}

func serve(c *cobra.Command, environ []string, stderr io.Writer) error {
	file, _ := c.Flags().GetString("config") // it has that flag
	state, config, err := host.Configure(file, environ, c.Flags())
	if err != nil {
		return err
	}
	log := hclog.New(&hclog.LoggerOptions{
		Name: "meshhost", Level: hclog.LevelFromString(config.Log.Level), JSONFormat: config.Log.Format == "json", Output: stderr,
	})
	admission, err := sandbox.SelfAdmission()
	if err != nil {
		return err
	}
	h, err := host.Open(c.Context(), state, config, host.Options{
		Log: log, Command: "meshhost serve", Version: version, Admission: admission,
	})
	if err != nil {
		return err
	}
	if h.Status().Judges == 0 {
		log.Warn("no rules are loaded (--policies, --plugins, agentmesh plugin promote): everything is denied")
	}
	for _, dir := range config.Trust.AllowUnsigned {
		log.Warn("UNSIGNED MODULES RUN from this folder, whoever made them: --allow-unsigned is for development", "folder", dir)
	}
	if err := h.Follow(c.Context()); err != nil {
		return errors.Join(err, h.Close())
	}
	err = h.Serve(c.Context(), func(addresses []string) {
		log.Info("serving", "addresses", addresses, "state", string(state))
	})
	log.Info("closing", "cause", context.Cause(c.Context()))
	return errors.Join(err, h.Close())
}
