package abi

// Decision is what a judge says of an action, or the host of all judges together. The zero Decision denies.
type Decision uint8

// The decisions. Warn and Log never decide; Abstain says that a judge had nothing to say and never stands in a verdict.
const (
	Deny Decision = iota
	RequireApproval
	Allow
	Warn
	Log
	Abstain
)

var decisionNames = [...]string{"deny", "require_approval", "allow", "warn", "log", "abstain"}

// String is the decision's name in every file and answer; an undefined one reads "deny".
func (d Decision) String() string {
	if int(d) < len(decisionNames) {
		return decisionNames[d]
	}
	return decisionNames[Deny]
}

// Deciding reports whether the decision settles anything: deny, require_approval and allow do.
func (d Decision) Deciding() bool { return d <= Allow }

// ParseDecision is the decision of that name. It is not ok, and denies, for any other name.
func ParseDecision(name string) (d Decision, ok bool) {
	for i, n := range decisionNames {
		if n == name {
			return Decision(i), true
		}
	}
	return Deny, false
}

// DecisionSet is a set of decisions, for asking which ones are still possible.
type DecisionSet uint8

// SetOf is the set of the decisions given.
func SetOf(ds ...Decision) DecisionSet {
	var s DecisionSet
	for _, d := range ds {
		s |= 1 << d
	}
	return s
}

// Has reports whether d is in the set.
func (s DecisionSet) Has(d Decision) bool { return s&(1<<d) != 0 }

// Code says why a verdict came out as it did. Codes are stable, in snake_case, and machines may branch on them.
type Code string

// The codes.
const (
	// CodeRule: a rule decided, the one the verdict names.
	CodeRule Code = "rule"
	// CodeDefault: a policy's written-out default decided.
	CodeDefault Code = "default"
	// CodeNoRule: nobody allowed the action.
	CodeNoRule Code = "no_rule"
	// CodeRateLimited: a limit is used up; the verdict says when to come back.
	CodeRateLimited Code = "rate_limited"
	// CodeApprovalRequired: a human must approve first.
	CodeApprovalRequired Code = "approval_required"
	// CodeApprovalUnavailable: a human must approve, and nobody can be asked.
	CodeApprovalUnavailable Code = "approval_unavailable"
	// CodeTrap: a judge trapped.
	CodeTrap Code = "trap"
	// CodeOutOfFuel: a judge used up its instructions.
	CodeOutOfFuel Code = "out_of_fuel"
	// CodeOutOfMemory: a judge wanted more memory than it may have.
	CodeOutOfMemory Code = "out_of_memory"
	// CodeOutputInvalid: a judge's answer is not what the contract says, or a decision that its manifest does not have.
	CodeOutputInvalid Code = "output_invalid"
	// CodeOutputTooLarge: a judge's answer is larger than the host reads.
	CodeOutputTooLarge Code = "output_too_large"
	// CodeInputTooLarge: the request is larger than judges may be given.
	CodeInputTooLarge Code = "input_too_large"
	// CodeWatchdog: a judge ran longer than the host waits.
	CodeWatchdog Code = "watchdog"
	// CodeAbsent: a judge that must be asked is not there.
	CodeAbsent Code = "absent"
	// CodeLapsed: no version of a judge that must be asked is in effect any more.
	CodeLapsed Code = "lapsed"
	// CodeBreakerOpen: a judge failed so often for this agent that it is not asked for a while.
	CodeBreakerOpen Code = "breaker_open"
	// CodeLedgerFailed: the decision could not be made durable.
	CodeLedgerFailed Code = "ledger_failed"
	// CodeSelfProtected: the action names the mesh's own state, rules, configuration or binaries.
	CodeSelfProtected Code = "self_protected"
	// CodeMalformed: the request is not well formed.
	CodeMalformed Code = "malformed"
	// CodeOverloaded: more requests wait than the host holds.
	CodeOverloaded Code = "overloaded"
	// CodeStateFailed: the state that limits are counted in could not be read or written.
	CodeStateFailed Code = "state_failed"
	// CodeCancelled: the caller went away before the decision was made.
	CodeCancelled Code = "cancelled"
)

// The codes of a plugin that is refused when it is loaded, beside those that its start and warm-up can end with.
const (
	// CodePluginMalformed: it is no module that runs here, or exceeds what one may have.
	CodePluginMalformed Code = "plugin_malformed"
	// CodeImportRefused: it imports what is not given to plugins.
	CodeImportRefused Code = "import_refused"
	// CodeExportMissing: it lacks a function of its kind, or has it with another type.
	CodeExportMissing Code = "export_missing"
	// CodeManifestInvalid: its manifest or its cases are missing or wrong.
	CodeManifestInvalid Code = "manifest_invalid"
	// CodeSettingsInvalid: what the operator set is not what the plugin takes.
	CodeSettingsInvalid Code = "settings_invalid"
	// CodeCaseFailed: it does not answer one of its own golden cases as that case wants.
	CodeCaseFailed Code = "case_failed"
	// CodeEnginesDiffer: it answers otherwise under the reference engine than here.
	CodeEnginesDiffer Code = "engines_differ"
	// CodeAdmissionLimit: to compile and try it took more time or memory than is given for that.
	CodeAdmissionLimit Code = "admission_limit"
	// CodeAdmissionFailed: the host could not try it; nothing is known of the plugin.
	CodeAdmissionFailed Code = "admission_failed"
)

// Failure is a judge's failure: a deny with a code. Detail is for people and never holds a secret.
type Failure struct {
	Code   Code
	Detail string
}

// Error names the code and the detail.
func (f *Failure) Error() string {
	if f.Detail == "" {
		return string(f.Code)
	}
	return string(f.Code) + ": " + f.Detail
}
