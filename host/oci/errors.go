package oci

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"agentmesh/pdk/abi"
)

// The codes of this package's errors.
const (
	// CodeReferenceInvalid: a reference cannot be read.
	CodeReferenceInvalid abi.Code = "reference_invalid"
	// CodeOptionsInvalid: a file that the options name cannot be used.
	CodeOptionsInvalid abi.Code = "options_invalid"
	// CodeNotFound: there is nothing of that name or digest.
	CodeNotFound abi.Code = "not_found"
	// CodeUnauthorized: the registry wants other credentials.
	CodeUnauthorized abi.Code = "unauthorized"
	// CodeRegistryUnavailable: the registry cannot be reached, or says that it is busy or broken.
	CodeRegistryUnavailable abi.Code = "registry_unavailable"
	// CodeRegistryAnswer: the registry answers what the protocol does not know, or refuses what was asked.
	CodeRegistryAnswer abi.Code = "registry_answer"
	// CodeDigestMismatch: bytes do not have the digest they were asked for by.
	CodeDigestMismatch abi.Code = "digest_mismatch"
	// CodeSizeMismatch: there are more or fewer bytes than declared.
	CodeSizeMismatch abi.Code = "size_mismatch"
	// CodeManifestInvalid: a manifest is no manifest.
	CodeManifestInvalid abi.Code = "manifest_invalid"
	// CodeManifestTooLarge: a manifest is larger than the cap.
	CodeManifestTooLarge abi.Code = "manifest_too_large"
	// CodeTooLarge: a config or layer, or all of them, are larger than the cap.
	CodeTooLarge abi.Code = "too_large"
	// CodeMediaTypeUnknown: something is of a type that is not expected there.
	CodeMediaTypeUnknown abi.Code = "media_type_unknown"
	// CodeLayersUnexpected: there are too many layers, or too few.
	CodeLayersUnexpected abi.Code = "layers_unexpected"
	// CodeIndexUnexpected: an index stands where a manifest should, or names not exactly one.
	CodeIndexUnexpected abi.Code = "index_unexpected"
	// CodeConfigInvalid: the config does not describe the layers.
	CodeConfigInvalid abi.Code = "config_invalid"
	// CodeRedirectRefused: the registry sent us where we do not go.
	CodeRedirectRefused abi.Code = "redirect_refused"
	// CodePlainHTTPRefused: the registry does not speak TLS, and plain HTTP was not asked for.
	CodePlainHTTPRefused abi.Code = "plain_http_refused"
	// CodeTLSUntrusted: the registry's certificate is not to be believed.
	CodeTLSUntrusted abi.Code = "tls_untrusted"
	// CodeStalled: nothing came for too long, or too little.
	CodeStalled abi.Code = "stalled"
	// CodeTruncated: the connection ended before the content did.
	CodeTruncated abi.Code = "truncated"
	// CodeDiskFull: there is no room to keep it.
	CodeDiskFull abi.Code = "disk_full"
	// CodeStorageFailed: a file cannot be read or written.
	CodeStorageFailed abi.Code = "storage_failed"
)

// Error says what happened, where, and what to do about it.
type Error struct {
	Code   abi.Code
	Place  string // a reference, host, path or digest
	Detail string // what happened; text of others is quoted
	Mend   string // what the operator can do; may be empty
	Err    error  // the cause; may be nil
}

// Error gives place, code and detail.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %s", e.Place, e.Code, e.Detail) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of an error of this package, or nothing.
func CodeOf(err error) abi.Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// Refuses reports whether the error is about what was sent, and not about getting it: to ask again, or elsewhere, would
// bring the same.
func (e *Error) Refuses() bool {
	switch e.Code {
	case CodeDigestMismatch, CodeSizeMismatch, CodeManifestInvalid, CodeManifestTooLarge, CodeTooLarge, CodeMediaTypeUnknown,
		CodeLayersUnexpected, CodeIndexUnexpected, CodeConfigInvalid, CodeRedirectRefused:
		return true
	}
	return false
}

// errStalled cancels a request whose bytes do not come.
var errStalled = errors.New("stalled")

// busy is an answer that asks to come back later.
type busy struct {
	status int
	after  time.Duration
}

func (b *busy) Error() string { return "answers " + strconv.Itoa(b.status) }

// told makes an error of the network or the library into one of ours; place is where it happened.
func told(place string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	is := func(target error) bool { return errors.Is(err, target) }
	with := func(code abi.Code, detail, mend string) error {
		return &Error{Code: code, Place: place, Detail: detail, Mend: mend, Err: err}
	}
	switch {
	case is(errStalled):
		return with(CodeStalled, "the registry sends nothing, or next to nothing", "try again later, or ask another registry")
	case is(context.Canceled), is(context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", place, err)
	case is(errdef.ErrNotFound):
		return with(CodeNotFound, "there is no such thing", "see that repository, tag and digest are right")
	case is(auth.ErrBasicCredentialNotFound):
		return unauthorized(place, err)
	case is(errdef.ErrTooManyPages), is(errdef.ErrSizeExceedsLimit):
		return with(CodeManifestTooLarge, "the list of referrers is longer than the cap", "")
	case is(syscall.ENOSPC), is(syscall.EDQUOT), is(syscall.EFBIG):
		return with(CodeDiskFull, "there is no room left", "free some space, then do it again: nothing was changed")
	case is(io.ErrUnexpectedEOF):
		return with(CodeTruncated, "the connection ended too early", "")
	case is(http.ErrSchemeMismatch):
		return with(CodePlainHTTPRefused, "the registry speaks plain HTTP", "give it TLS, or allow this by --plain-http")
	case untrusted(err):
		return with(CodeTLSUntrusted, "its certificate does not verify: "+shown(err.Error()), "name its authority by --ca")
	}
	return toldNetwork(place, err)
}

func toldNetwork(place string, err error) error {
	if r, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		return toldStatus(place, r)
	}
	if b, ok := errors.AsType[*busy](err); ok {
		return &Error{Code: CodeRegistryUnavailable, Place: place, Detail: "the registry " + b.Error(), Mend: "try again later", Err: err}
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return &Error{Code: CodeStorageFailed, Place: place, Detail: err.Error(), Err: err}
	}
	if unreachable(err) {
		detail := "the registry cannot be reached: " + shown(unsigned(err.Error()))
		return &Error{Code: CodeRegistryUnavailable, Place: place, Detail: detail, Mend: "see that it runs and that this machine may reach it", Err: err}
	}
	return &Error{Code: CodeRegistryAnswer, Place: place, Detail: "the registry's answer makes no sense: " + shown(unsigned(err.Error())), Err: err}
}

func toldStatus(place string, r *errcode.ErrorResponse) error {
	detail := fmt.Sprintf("the registry answers %d to %s", r.StatusCode, r.Method)
	if len(r.Errors) > 0 {
		detail += ": " + shown(r.Errors[0].Error())
	}
	switch {
	case r.StatusCode == http.StatusUnauthorized, r.StatusCode == http.StatusForbidden:
		return unauthorized(place, r)
	case r.StatusCode == http.StatusNotFound:
		return &Error{Code: CodeNotFound, Place: place, Detail: detail, Mend: "see that repository, tag and digest are right", Err: r}
	}
	mend := ""
	if r.StatusCode == http.StatusBadRequest && r.URL != nil && r.URL.Scheme == "http" {
		mend = "if it wants TLS, name the authority of its certificate by --ca, and leave out --plain-http"
	}
	return &Error{Code: CodeRegistryAnswer, Place: place, Detail: detail, Mend: mend, Err: r}
}

func unauthorized(place string, err error) error {
	return &Error{
		Code: CodeUnauthorized, Place: place, Detail: "the registry wants other credentials", Err: err,
		Mend: "log in (docker login, oras login), or name the folder of the configuration that holds them by $DOCKER_CONFIG; none are sent over plain HTTP beyond loopback",
	}
}

func untrusted(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	return verification || authority
}

// query is what follows the path of a URL. Registries send us to storage by URLs that are signed there: whoever has one may read.
var query = regexp.MustCompile(`(https?://[^\s"?]*)\?[^\s"]*`)

// unsigned strikes the queries out of the URLs in a text.
func unsigned(text string) string { return query.ReplaceAllString(text, "$1?...") }

// shown makes text of others fit to be shown on one line: quoted, in ASCII, cut.
func shown(text string) string {
	const most = 300
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.QuoteToASCII(text)
}
