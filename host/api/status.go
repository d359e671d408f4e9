package api

import (
	"net/http"

	"agentmesh/pdk/abi"
)

// Status is what /readyz tells. With no reasons the host is ready; with reasons it is degraded, and failing when one of
// them keeps it from allowing anything it should.
type Status struct {
	// Set is the digest of the judges in force, Judges their number.
	Set    string
	Judges int
	// Trust names whom the modules in force are trusted by, sorted: roots, "local" for this machine's own, "unsigned" for
	// those that nobody signed. Without modules it is empty.
	Trust   []string
	Reasons []Reason
}

// Reason is one thing that is not as it should be, for people and for machines.
type Reason struct {
	// Code is stable: policy_broken, no_policy, unsigned_wasm, ledger_failed and others that /readyz's description lists.
	Code string
	// Message says what is wrong and where, Mend what to do about it.
	Message, Mend string
	// Failing: until it is mended every answer is a deny.
	Failing bool
}

// State is ready, degraded or failing.
func (s Status) State() string {
	state := "ready"
	for _, r := range s.Reasons {
		if r.Failing {
			return "failing"
		}
		state = "degraded"
	}
	return state
}

func (s Status) value() abi.Value {
	reasons := make([]abi.Value, len(s.Reasons))
	for i, r := range s.Reasons {
		reasons[i] = abi.ObjectValue(
			abi.Member{Name: "code", Value: abi.StringValue(r.Code)},
			abi.Member{Name: "message", Value: abi.StringValue(r.Message)},
			abi.Member{Name: "mend", Value: abi.StringValue(r.Mend)},
		)
	}
	return abi.ObjectValue(
		abi.Member{Name: "status", Value: abi.StringValue(s.State())},
		abi.Member{Name: "set", Value: abi.StringValue(s.Set)},
		abi.Member{Name: "judges", Value: abi.IntValue(int64(s.Judges))},
		abi.Member{Name: "trust", Value: abi.StringsValue(s.Trust)},
		abi.Member{Name: "reasons", Value: abi.ListValue(reasons...)},
	)
}

// readyz answers 200 while the host can allow what its rules allow: a broken edit must not take a fleet out of service
// that goes on deciding by its last good rules. Only a failing host answers 503.
func readyz(status func() Status) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s := status()
		code := http.StatusOK
		if s.State() == "failing" {
			code = http.StatusServiceUnavailable
		}
		answer(w, code, "application/json", append(abi.AppendJSON(nil, s.value()), '\n'))
	}
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "application/json", []byte("{\"status\":\"ok\"}\n"))
}
