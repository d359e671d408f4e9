package release

import (
	"errors"

	"agentmesh/pdk/abi"
)

// The codes of refusals. They are stable: machines branch on them, and `agentmesh plugin verify` prints them.
const (
	// CodeUnsigned: there is no signature at all.
	CodeUnsigned abi.Code = "unsigned"
	// CodeUntrustedRoot: there are signatures, and no trust root known here speaks for the name or knows a signer.
	CodeUntrustedRoot abi.Code = "untrusted_root"
	// CodeEnvelopeInvalid: what should be a signed envelope is none, or is too large.
	CodeEnvelopeInvalid abi.Code = "envelope_invalid"
	// CodeSignatureInvalid: a signature of a key that counts does not verify.
	CodeSignatureInvalid abi.Code = "signature_invalid"
	// CodeHybridIncomplete: only one half of a composite signature is there, or only one verifies.
	CodeHybridIncomplete abi.Code = "hybrid_incomplete"
	// CodeWrongSigner: the signature is good, of a key that does not speak for that name or that role.
	CodeWrongSigner abi.Code = "wrong_signer"
	// CodeThresholdNotMet: fewer distinct keys have signed than must.
	CodeThresholdNotMet abi.Code = "threshold_not_met"
	// CodeKeyRevoked: a key that is needed for the threshold is revoked. When it signed does not matter.
	CodeKeyRevoked abi.Code = "key_revoked"
	// CodeStatementMismatch: the signed statement is of another plugin, version, kind, effects, dates or publisher.
	CodeStatementMismatch abi.Code = "statement_mismatch"
	// CodeDigestMismatch: the signed statement or the index names other bytes.
	CodeDigestMismatch abi.Code = "digest_mismatch"
	// CodeRootInvalid: a trust root breaks the rules for trust roots.
	CodeRootInvalid abi.Code = "root_invalid"
	// CodeRootExpired: the trust root is past its date.
	CodeRootExpired abi.Code = "root_expired"
	// CodeRootVersion: a trust root that does not follow the known one by exactly one version.
	CodeRootVersion abi.Code = "root_version"
	// CodeFingerprintMismatch: the trust root is another one than the fingerprint names.
	CodeFingerprintMismatch abi.Code = "fingerprint_mismatch"
	// CodeRootsDisagree: two trust roots claim one name or one version and say different things.
	CodeRootsDisagree abi.Code = "roots_disagree"
	// CodeIndexInvalid: an index breaks the rules for indexes.
	CodeIndexInvalid abi.Code = "index_invalid"
	// CodeIndexExpired: the index is past its date: nothing new loads.
	CodeIndexExpired abi.Code = "index_expired"
	// CodeIndexStale: the index is past its date for so long that what it lists must stop too.
	CodeIndexStale abi.Code = "index_stale"
	// CodeIndexRollback: the index is older than one seen before.
	CodeIndexRollback abi.Code = "index_rollback"
	// CodeIndexFork: there are two different indexes of one version; both are kept as evidence.
	CodeIndexFork abi.Code = "index_fork"
	// CodeFastForward: a version jumps further than any honest publisher's.
	CodeFastForward abi.Code = "fast_forward"
	// CodeVersionReused: an index names other bytes for a version that was published before.
	CodeVersionReused abi.Code = "version_reused"
	// CodeVersionRollback: the newest version of a plugin is older than one that ran here.
	CodeVersionRollback abi.Code = "version_rollback"
	// CodeNotListed: the index of its trust root does not list the plugin.
	CodeNotListed abi.Code = "not_listed"
	// CodeYanked: the publisher has taken the version back.
	CodeYanked abi.Code = "yanked"
	// CodePermitInvalid: a permit to go back breaks the rules for permits.
	CodePermitInvalid abi.Code = "permit_invalid"
	// CodeStateInvalid: what is remembered of trust is missing, damaged, or could have been written by others.
	CodeStateInvalid abi.Code = "state_invalid"
)

// Codes are all codes of this package with what each means, in the order of the documentation.
func Codes() []CodeMeaning {
	return []CodeMeaning{
		{CodeUnsigned, "there is no signature at all"},
		{CodeUntrustedRoot, "no trust root known here speaks for the name, or knows a signer"},
		{CodeEnvelopeInvalid, "what should be a signed envelope is none, or is too large"},
		{CodeSignatureInvalid, "a signature of a key that counts does not verify"},
		{CodeHybridIncomplete, "one half of a composite signature is missing or does not verify"},
		{CodeWrongSigner, "a good signature of a key that does not speak for that name or role"},
		{CodeThresholdNotMet, "fewer distinct keys have signed than must"},
		{CodeKeyRevoked, "a key needed for the threshold is revoked, whenever it signed"},
		{CodeStatementMismatch, "the signed statement is of another plugin, version, kind, effects, dates or publisher"},
		{CodeDigestMismatch, "the signed statement or the index names other bytes"},
		{CodeRootInvalid, "a trust root breaks the rules for trust roots"},
		{CodeRootExpired, "the trust root is past its date"},
		{CodeRootVersion, "the trust root does not follow the known one by exactly one version"},
		{CodeFingerprintMismatch, "the trust root is another one than the fingerprint names"},
		{CodeRootsDisagree, "two trust roots claim one thing and differ"},
		{CodeIndexInvalid, "an index breaks the rules for indexes"},
		{CodeIndexExpired, "the index is past its date: nothing new loads"},
		{CodeIndexStale, "the index is past its date for so long that what runs must stop"},
		{CodeIndexRollback, "the index is older than one seen before"},
		{CodeIndexFork, "two different indexes of one version; both are kept as evidence"},
		{CodeFastForward, "a version jumps further than an honest publisher's"},
		{CodeVersionReused, "an index names other bytes for a version published before"},
		{CodeVersionRollback, "the newest version of a plugin is older than one that ran here"},
		{CodeNotListed, "the index of the trust root does not list the plugin"},
		{CodeYanked, "the publisher has taken the version back"},
		{CodePermitInvalid, "a permit to go back breaks the rules for permits"},
		{CodeStateInvalid, "what is remembered of trust is missing, damaged, or open to others"},
	}
}

// CodeMeaning is one row of the table of codes.
type CodeMeaning struct {
	Code    abi.Code
	Meaning string
}

// Refusal says why something is not trusted: what, where, and how to mend it.
type Refusal struct {
	Code abi.Code
	// Place is the file, root, index or plugin that is refused.
	Place string
	// Detail says what is wrong, Mend what can be done; Mend may be empty.
	Detail, Mend string
	// Stop: a module that was accepted before must not go on running either.
	Stop bool
}

// Error gives place, code and detail.
func (r *Refusal) Error() string {
	text := string(r.Code)
	if r.Place != "" {
		text = r.Place + ": " + text
	}
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	return text
}

// Stops reports whether a module that ran before must stop.
func (r *Refusal) Stops() bool { return r.Stop }

// Unwrap gives the refusal as the failure of a judge, with its code.
func (r *Refusal) Unwrap() error { return &abi.Failure{Code: r.Code, Detail: r.Detail} }

// CodeOf is the code of a refusal, or empty when err is none.
func CodeOf(err error) abi.Code {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// at gives a refusal a place when it has none.
func at(place string, err error) error {
	var r *Refusal
	if errors.As(err, &r) && r.Place == "" {
		placed := *r
		placed.Place = place
		return &placed
	}
	return err
}
