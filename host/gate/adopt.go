package gate

import (
	"context"
	"slices"

	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// Adopt records a set that is about to decide: its digest, and name, version, digest and settings of every judge. Call it
// before the set comes into force, so that every decision names a set that the ledger knows.
func (g *Gate) Adopt(ctx context.Context, s SetInfo) error {
	w := g.begin(&abi.Request{}, abi.StagePreTool)
	defer g.end(w)
	e := Subject{}.entry(ledger.KindSet)
	e.Time, e.ID, e.Set = w.now, w.id, s.Digest
	e.Body = s.appendBody(nil)
	return g.append(ctx, e.Entry)
}

// SetInfo describes a set of judges.
type SetInfo struct {
	Digest string
	// Config is the digest of the configuration that the set was loaded under, or empty.
	Config string
	Judges []abi.Judged
	// Warnings are what the loader had to say, such as modules without a signature.
	Warnings []string
	// Plan is which version of a judge decides for whom and when, and Provenances who vouches for the modules; missing where
	// there is nothing to say.
	Plan, Provenances abi.Value
}

// Describe is what there is to say of a set. A judge that the set has in several places stands there once, as monitored where it
// is in all of them.
func Describe(s Set, config string, warnings []string) SetInfo {
	info := SetInfo{Digest: s.Digest(), Config: config, Warnings: warnings}
	for i := range s.Len() {
		judge := s.Judge(i).Info()
		same := func(j abi.Judged) bool {
			return j.Name == judge.Name && j.Version == judge.Version && j.Digest == judge.Digest && j.SettingsDigest == judge.SettingsDigest
		}
		if known := slices.IndexFunc(info.Judges, same); known >= 0 {
			info.Judges[known].Monitored = info.Judges[known].Monitored && judge.Monitored
			continue
		}
		info.Judges = append(info.Judges, judge)
	}
	return info
}

// appendBody appends {"set","config","judges":[{name,version,digest,settings_digest,monitored}],"warnings":[…],
// "plan","provenances"}.
func (s *SetInfo) appendBody(dst []byte) []byte {
	judges := make([]abi.Value, len(s.Judges))
	for i := range s.Judges {
		j := &s.Judges[i]
		judges[i] = abi.ObjectValue(
			abi.Member{Name: "name", Value: abi.StringValue(j.Name)},
			abi.Member{Name: "version", Value: abi.StringValue(j.Version)},
			abi.Member{Name: "digest", Value: abi.StringValue(j.Digest)},
			abi.Member{Name: "settings_digest", Value: given(j.SettingsDigest)},
			abi.Member{Name: "monitored", Value: abi.BoolValue(j.Monitored)},
		)
	}
	return abi.AppendJSON(dst, abi.ObjectValue(
		abi.Member{Name: "set", Value: abi.StringValue(s.Digest)},
		abi.Member{Name: "config", Value: given(s.Config)},
		abi.Member{Name: "judges", Value: abi.ListValue(judges...)},
		abi.Member{Name: "warnings", Value: abi.StringsValue(saidAll(s.Warnings))},
		abi.Member{Name: "plan", Value: s.Plan},
		abi.Member{Name: "provenances", Value: s.Provenances},
	))
}
