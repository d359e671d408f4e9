package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Config is the operator's configuration. The tags are the keys: `ledger: {mode: os}` in the file is AGENTMESH_LEDGER__MODE
// in the environment.
type Config struct {
	// Listen is the address of the decision API, "127.0.0.1:8470"; empty for none. Beyond loopback it needs TLS.
	Listen string `koanf:"listen"`
	// Socket is the path of a unix socket for the decision API; empty for none. Who may open it needs no token.
	Socket string `koanf:"socket"`
	// Hosts are names, beside loopback's and Listen's, that requests may give as their Host.
	Hosts []string `koanf:"hosts"`
	// TLS are the PEM files of the decision API's certificate chain and key.
	TLS TLS `koanf:"tls"`
	// Dirs are the watched folders of rules.
	Dirs Dirs `koanf:"dirs"`
	// Roots are the folders that resource.outside_roots is told from; with none, nothing is known of it.
	Roots []string `koanf:"roots"`
	// Tools are files that extend the built-in tool table.
	Tools []string `koanf:"tools"`
	// Environment is what requests carry as context.environment, "production"; empty for none.
	Environment string `koanf:"environment"`
	// Request bounds what the decision API reads.
	Request Request `koanf:"request"`
	// Ledger says when an entry counts as written.
	Ledger Ledger `koanf:"ledger"`
	// Store says where counters and indexes are kept.
	Store Store `koanf:"store"`
	// Log says what is logged and how.
	Log Log `koanf:"log"`
	// Trust says which modules may run, and where roots are followed from.
	Trust Trust `koanf:"trust"`
	// Plugins are what the operator says of plugins, by their names. All named must be found in Dirs.
	Plugins map[string]Plugin `koanf:"-"`
}

// TLS names a certificate chain and its key.
type TLS struct {
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
}

// Dirs are folders of policies (YAML, JSON) and of compiled modules (.wasm).
type Dirs struct {
	Policies []string `koanf:"policies"`
	Plugins  []string `koanf:"plugins"`
}

// Trust says what may run without a signature, and how indexes are followed.
type Trust struct {
	// AllowUnsigned are folders of modules that run whoever made them: for development. They are loaded as Dirs.Plugins are.
	AllowUnsigned []string `koanf:"allow_unsigned"`
	// Poll is how often the index of each trust root is asked for, give or take a tenth; 0: never.
	Poll time.Duration `koanf:"poll"`
	// MaxStale is how long after an index has expired its modules still run.
	MaxStale time.Duration `koanf:"max_stale"`
	// PlainHTTP lets OCI registries beyond loopback be asked without TLS; CA is a PEM file of further authorities.
	PlainHTTP bool   `koanf:"plain_http"`
	CA        string `koanf:"ca"`
}

// Request bounds a request.
type Request struct {
	MaxBytes int64 `koanf:"max_bytes"`
}

// Ledger configures the audit log: Mode "sync" acknowledges an entry after fdatasync, "os" after write, which survives a
// killed process and not a power cut.
type Ledger struct {
	Mode string `koanf:"mode"`
	// Anchor says where checkpoints are kept besides, out of reach of this folder's owner.
	Anchor Anchor `koanf:"anchor"`
}

// Anchor gets every checkpoint: File has it appended, Command (with its arguments) finds it on its standard input.
type Anchor struct {
	File    string   `koanf:"file"`
	Command []string `koanf:"command"`
}

// Store configures the database: URL is the path of an SQLite file, or "sqlite:PATH"; empty is store.db in the state folder.
type Store struct {
	URL string `koanf:"url"`
}

// Log configures logging: Level trace, debug, info, warn, error or off; Format text or json.
type Log struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

// DefaultConfig is what holds where nothing else is said.
func DefaultConfig() Config {
	return Config{
		Listen:  "127.0.0.1:8470",
		Request: Request{MaxBytes: 1 << 20},
		Ledger:  Ledger{Mode: "sync"},
		Log:     Log{Level: "info", Format: "text"},
		Trust:   Trust{Poll: 5 * time.Minute, MaxStale: 14 * 24 * time.Hour},
	}
}

// Sources are where configuration comes from, the later ones over the earlier: defaults, File, Environ, Flags.
type Sources struct {
	// File is a YAML file. It may be absent unless Required.
	File     string
	Required bool
	// Environ holds "NAME=value" as os.Environ gives them.
	Environ []string
	// Flags are a command's flags; those set by the user count, by FlagKeys.
	Flags *pflag.FlagSet
}

// FlagKeys maps flags of commands to the keys they set.
func FlagKeys() map[string]string {
	return map[string]string{
		"listen": "listen", "socket": "socket", "policies": "dirs.policies", "plugins": "dirs.plugins", "root": "roots",
		"tools": "tools", "environment": "environment", "ledger-mode": "ledger.mode", "store": "store.url",
		"tls-cert": "tls.cert", "tls-key": "tls.key", "log-level": "log.level", "log-format": "log.format",
		"allow-unsigned": "trust.allow_unsigned", "plain-http": "trust.plain_http", "ca": "trust.ca",
	}
}

const (
	keyDelim  = "."
	envPrefix = "AGENTMESH_"
	envDelim  = "__"
)

// Variables that look like keys of the configuration and are none.
const (
	// homeVariable names the state folder.
	homeVariable = "AGENTMESH_HOME"
	// PassphraseVariable names a file with the passphrase of the key that a command uses.
	PassphraseVariable = "AGENTMESH_PASSPHRASE_FILE"
)

// LoadConfig reads the configuration from its sources. An unknown key, wherever it stands, is an error that names source
// and key.
func LoadConfig(src Sources) (Config, error) {
	k := koanf.New(keyDelim)
	if err := k.Load(structs.ProviderWithDelim(DefaultConfig(), "koanf", keyDelim), nil); err != nil {
		return Config{}, fmt.Errorf("configuration defaults: %w", err)
	}
	known := k.Keys()
	parser := &pluginParser{Parser: yaml.Parser()}
	fromFile := func(k *koanf.Koanf, known []string, src Sources) error { return loadFile(k, known, src, parser) }
	for _, load := range []func(*koanf.Koanf, []string, Sources) error{fromFile, loadEnviron, loadFlags} {
		if err := load(k, known, src); err != nil {
			return Config{}, err
		}
	}
	var c Config
	err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		ErrorUnused: true, WeaklyTypedInput: true, TagName: "koanf",
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")),
	}})
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	c.Plugins = parser.plugins
	return c, c.check()
}

// merge puts what one source says over what is there, after looking at its keys.
func merge(k *koanf.Koanf, known []string, from koanf.Provider, parser koanf.Parser, source string) error {
	part := koanf.New(keyDelim)
	if err := part.Load(from, parser); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	for _, key := range part.Keys() {
		if !slices.Contains(known, key) {
			return fmt.Errorf("%s: unknown key %q%s", source, key, hint(key, known))
		}
	}
	if err := k.Merge(part); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	return nil
}

func hint(key string, known []string) string {
	best, distance := "", 4
	for _, k := range known {
		d := editDistance(key, k)
		if strings.HasSuffix(k, keyDelim+key) {
			d = 0
		}
		if d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return "; the keys are " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func loadFile(k *koanf.Koanf, known []string, src Sources, parser koanf.Parser) error {
	if src.File == "" {
		return nil
	}
	if _, err := os.Stat(src.File); errors.Is(err, fs.ErrNotExist) && !src.Required {
		return nil
	}
	return merge(k, known, file.Provider(src.File), parser, src.File)
}

func loadEnviron(k *koanf.Koanf, known []string, src Sources) error {
	environ := func() []string { return src.Environ }
	name := func(key, value string) (string, any) {
		if key == homeVariable || key == PassphraseVariable {
			return "", nil
		}
		key = strings.ToLower(strings.TrimPrefix(key, envPrefix))
		return strings.ReplaceAll(key, envDelim, keyDelim), value
	}
	provider := env.Provider(keyDelim, env.Opt{Prefix: envPrefix, TransformFunc: name, EnvironFunc: environ})
	return merge(k, known, provider, nil, "environment")
}

func loadFlags(k *koanf.Koanf, known []string, src Sources) error {
	if src.Flags == nil {
		return nil
	}
	keys := FlagKeys()
	value := func(f *pflag.Flag) (string, any) {
		if !f.Changed {
			return "", nil
		}
		return keys[f.Name], posflag.FlagVal(src.Flags, f)
	}
	return merge(k, known, posflag.ProviderWithFlag(src.Flags, keyDelim, nil, value), nil, "flags")
}

// check finds what no host could be run with.
func (c *Config) check() error {
	for _, known := range []struct {
		key, value string
		values     []string
	}{
		{"ledger.mode", c.Ledger.Mode, []string{"sync", "os"}},
		{"log.level", c.Log.Level, []string{"trace", "debug", "info", "warn", "error", "off"}},
		{"log.format", c.Log.Format, []string{"text", "json"}},
	} {
		if !slices.Contains(known.values, known.value) {
			return fmt.Errorf("configuration: %s is %q; it may be %s", known.key, known.value, strings.Join(known.values, ", "))
		}
	}
	if c.Request.MaxBytes < 1 || c.Request.MaxBytes > 16<<20 {
		return fmt.Errorf("configuration: request.max_bytes is %d; it may be 1 to %d", c.Request.MaxBytes, 16<<20)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		return errors.New("configuration: tls.cert and tls.key go together")
	}
	if c.Trust.Poll < 0 || c.Trust.MaxStale < 0 {
		return errors.New("configuration: trust.poll and trust.max_stale are times like 5m or 336h, not less than 0")
	}
	for _, dir := range slices.Concat(c.Dirs.Policies, c.Dirs.Plugins, c.Trust.AllowUnsigned, c.Roots) {
		if strings.TrimSpace(dir) == "" {
			return errors.New("configuration: a folder with an empty name")
		}
	}
	return nil
}

// Home is the state folder: $AGENTMESH_HOME, else agentmesh in the XDG state folder, as the environment says.
func Home(environ []string) (string, error) {
	get := func(name string) string {
		for _, e := range slices.Backward(environ) {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v
			}
		}
		return ""
	}
	if home := get(homeVariable); home != "" {
		return filepath.Abs(home)
	}
	if state := get("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "agentmesh"), nil
	}
	if home := get("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "agentmesh"), nil
	}
	return "", errors.New("no state folder: set AGENTMESH_HOME to one")
}
