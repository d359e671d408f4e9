package replay

import (
	"errors"
	"fmt"

	"agentmesh/host/sandbox"
)

// ErrNoJudge says that what was to be tried decides nothing.
var ErrNoJudge = errors.New("it decides nothing")

// Try takes the judges of a loaded set for candidates: what the report says of them, and what is put in the place of the
// judges that decided. source is what the person who asked called them. A set without judges, one with a judge that is
// monitored, and one with two versions of a name are refused.
func Try(s *sandbox.Set, source string) ([]Candidate, []Instead, error) {
	var out []Candidate
	var instead []Instead
	for i := range s.Len() {
		j := s.Judge(i)
		info, m := j.Info(), j.Manifest()
		switch {
		case info.Monitored:
			return nil, nil, fmt.Errorf("%w: %s is in mode monitor, and a replay shows what would be enforced", ErrNoJudge, info.Name)
		case i > 0 && s.Judge(i-1).Info().Name == info.Name:
			return nil, nil, fmt.Errorf("%s is there in the versions %s and %s; one can be tried at a time", info.Name, s.Judge(i-1).Info().Version, info.Version)
		case len(j.Module()) == 0:
			return nil, nil, fmt.Errorf("%w: %s must not run", ErrNoJudge, info.Name)
		}
		out = append(out, Candidate{
			Name: info.Name, Version: info.Version, Digest: info.Digest, Source: source, From: m.EffectiveFrom, Until: m.EffectiveUntil,
		})
		instead = append(instead, Instead{info.Name, sandbox.Module{Path: source, Wasm: j.Module()}})
	}
	if len(out) > 0 {
		return out, instead, nil
	}
	for _, p := range s.Plugins() {
		return nil, nil, fmt.Errorf("%w: %s is of kind %s", ErrNoJudge, p.Info().Name, p.Kind())
	}
	return nil, nil, fmt.Errorf("%w: there are no rules in %s", ErrNoJudge, source)
}
