package host

import "github.com/spf13/pflag"

// Configure opens the state folder that the environment names and reads the configuration of a program that decides: from
// file where that is not empty, which must then be there, else from the state folder; from the environment; from flags.
func Configure(file string, environ []string, flags *pflag.FlagSet) (State, Config, error) {
	home, err := Home(environ)
	if err != nil {
		return "", Config{}, err
	}
	state, err := OpenState(home)
	if err != nil {
		return "", Config{}, err
	}
	src := Sources{File: state.ConfigFile(), Environ: environ, Flags: flags}
	if file != "" {
		src.File, src.Required = file, true
	}
	config, err := LoadConfig(src)
	return state, config, err
}
