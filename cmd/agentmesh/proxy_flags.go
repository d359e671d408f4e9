package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host"
	"agentmesh/host/mcp"
)

// argv is the server's command line.
func (f *proxyFlags) argv(args []string) ([]string, error) {
	const hint = "agentmesh proxy --policy strict -- npx -y @modelcontextprotocol/server-filesystem DIR"
	switch {
	case len(f.targets) > 0 && len(args) > 0:
		return nil, usage(hint, "the server's command is given twice: by --target and after --")
	case len(f.targets) > 0:
		args = f.targets
	}
	if len(args) == 0 || args[0] == "" {
		return nil, usage(hint, "there is no server to start")
	}
	return args, nil
}

// check looks at the values of flags that take one of a few, or must not be empty.
func (f *proxyFlags) check(c *cobra.Command) error {
	for _, one := range []struct {
		flag, value string
		values      []string
	}{
		{"footer", f.footer, []string{"text", "meta", "none"}},
		{"results", f.results, []string{"", "clean", "flag", "off"}},
		{"refusal", f.refusal, []string{"result", "error"}},
	} {
		if !slices.Contains(one.values, one.value) {
			return usage("", "--%s takes %s, not %q", one.flag, strings.Trim(strings.Join(one.values, ", "), ", "), one.value)
		}
	}
	if f.maxMessage < 1 {
		return usage("", "--max-message must be positive")
	}
	if strings.TrimSpace(f.agent) == "" {
		return usage("", "--agent must not be empty")
	}
	roots, err := c.Flags().GetStringArray("root")
	for _, root := range roots {
		if info, err := os.Stat(root); err != nil || !info.IsDir() {
			return usage("a root is an existing folder, such as the one the server is given", "--root %s: there is no such folder", strconv.Quote(root))
		}
	}
	return err
}

func (f *proxyFlags) refusalMode() mcp.RefusalMode {
	if f.refusal == "error" {
		return mcp.RefuseByError
	}
	return mcp.RefuseByResult
}

// configure reads the configuration; policies given by flag stand in place of those it names.
func (f *proxyFlags) configure(c *cobra.Command, environ []string) (host.State, host.Config, error) {
	state, config, err := host.Configure(f.config, environ, c.Flags())
	if err != nil {
		return "", host.Config{}, err
	}
	config.Request.MaxBytes = maxInput
	if len(f.policies) > 0 {
		config.Dirs.Policies = nil
		for _, arg := range f.policies {
			name, err := policyName(arg)
			if err != nil {
				return "", host.Config{}, err
			}
			config.Dirs.Policies = append(config.Dirs.Policies, name)
		}
	}
	if len(config.Dirs.Policies)+len(config.Dirs.Plugins) == 0 {
		config.Dirs.Policies = []string{presetScheme + "strict"}
	}
	f.policies = config.Dirs.Policies
	return state, config, nil
}

// policyName is a preset, or a file or folder that is there, by absolute path.
func policyName(arg string) (string, error) {
	if name, ok := presetNamed(arg); ok {
		return name, nil
	}
	if _, err := os.Stat(arg); err != nil {
		return "", noPolicy("--policy "+strconv.Quote(arg), err)
	}
	return filepath.Abs(arg)
}

// plainEnviron are the variables that --clean-env leaves.
func plainEnviron() []string {
	return []string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ", "TMPDIR", "TEMP", "TMP",
		"SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC",
	}
}

// environ is the server's environment. Our own variables never get there.
func (f *proxyFlags) environ(ours []string) ([]string, error) {
	var out []string
	for _, v := range ours {
		name, _, _ := strings.Cut(v, "=")
		if !f.cleanEnv || slices.Contains(plainEnviron(), strings.ToUpper(name)) {
			out = append(out, v)
		}
	}
	for _, v := range f.env {
		name, _, given := strings.Cut(v, "=")
		switch {
		case name == "":
			return nil, usage("--env NAME=VALUE, or --env NAME", "--env %q names no variable", v)
		case len(mcp.WithoutOwn([]string{v})) == 0:
			return nil, usage("", "--env %s: variables of AgentMesh are kept from servers", name)
		case !given:
			v = name + "=" + valueOf(ours, name)
		}
		out = append(out, v)
	}
	return mcp.WithoutOwn(out), nil
}

// valueOf is a variable's value; of one that stands there twice the last, as the system has it.
func valueOf(environ []string, name string) string {
	for _, v := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// treatment is what happens to results: nil, nothing. Where everything is allowed nothing is cleaned unless asked for.
func (f *proxyFlags) treatment() mcp.Treatment {
	results := f.results
	if results == "" && slices.Equal(f.policies, []string{presetScheme + "permissive"}) {
		results = mcp.Off.String()
	}
	r := &mcp.Results{Mode: mcp.Clean}
	if results != "" {
		r.Mode, _ = mcp.ParseResultMode(results) // checked before
	}
	r.Footer, _ = mcp.ParseFooter(f.footer)
	if r.Mode == mcp.Off && r.Footer == mcp.FooterNone {
		return nil
	}
	return r
}
