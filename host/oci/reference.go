package oci

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/registry"
)

// The schemes of references.
const (
	SchemeOCI    = "oci"
	SchemeLayout = "oci-layout"
	SchemeFile   = "file"
)

// latest is the tag that is meant where neither tag nor digest is given.
const latest = "latest"

// longestReference is how many bytes a reference may have.
const longestReference = 4096

// Reference names an artifact, or the place that it lies in. The zero Reference names nothing.
type Reference struct {
	Scheme     string // SchemeOCI, SchemeLayout or SchemeFile
	Registry   string // host[:port], of oci
	Repository string // of oci
	Path       string // of oci-layout and file
	Tag        string // may be empty
	Digest     string // "sha256:" and 64 hex digits; may be empty; binds whatever Tag says
}

// String writes the reference as ParseReference reads it.
func (r Reference) String() string {
	var b strings.Builder
	b.WriteString(r.Scheme)
	b.WriteString("://")
	if r.Scheme == SchemeOCI {
		b.WriteString(r.Registry + "/" + r.Repository)
	}
	b.WriteString(r.Path)
	if r.Tag != "" {
		b.WriteString(":" + r.Tag)
	}
	if r.Digest != "" {
		b.WriteString("@" + r.Digest)
	}
	return b.String()
}

// At is the reference with another digest, and no tag: the same place, one content.
func (r Reference) At(digest string) Reference {
	r.Tag, r.Digest = "", digest
	return r
}

// name is what a registry or layout is asked for.
func (r Reference) name() string { return cmp.Or(r.Digest, r.Tag, latest) }

// ParseReference reads a reference; the package comment has the forms. An error is an [*Error] with code
// reference_invalid.
func ParseReference(s string) (Reference, error) {
	if len(s) > longestReference {
		return Reference{}, badReference(s[:64]+"…", "it is longer than a reference may be")
	}
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		return Reference{}, badReference(s, "it has no scheme")
	case rest == "":
		return Reference{}, badReference(s, "it names nothing")
	case strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return Reference{}, badReference(s, "it has control characters")
	}
	switch scheme {
	case SchemeFile:
		return Reference{Scheme: SchemeFile, Path: rest}, nil
	case SchemeLayout:
		return parseLayout(s, rest)
	case SchemeOCI:
		return parseRemote(s, rest)
	}
	return Reference{}, badReference(s, "its scheme is unknown")
}

// sha256Digest is the one form of digest that is taken.
var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// tagForm is what the OCI distribution specification says a tag is.
var tagForm = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// cutDigest takes the digest from the end of a reference.
func cutDigest(whole, rest string) (before, digest string, err error) {
	before, digest, ok := strings.Cut(rest, "@")
	if ok && !sha256Digest.MatchString(digest) {
		return "", "", badReference(whole, "what follows @ is no sha256 digest")
	}
	return before, digest, nil
}

func parseLayout(whole, rest string) (Reference, error) {
	// A folder may have an @ in its name: only what looks like a digest is one.
	path, digest := rest, ""
	if at := strings.LastIndexByte(rest, '@'); at >= 0 && !strings.Contains(rest[at:], "/") && strings.Contains(rest[at:], ":") {
		path, digest = rest[:at], rest[at+1:]
		if !sha256Digest.MatchString(digest) {
			return Reference{}, badReference(whole, "what follows @ is no sha256 digest")
		}
	}
	path, tag := cutTag(path)
	if tag != "" && !tagForm.MatchString(tag) {
		return Reference{}, badReference(whole, "its tag is none")
	}
	if path == "" {
		return Reference{}, badReference(whole, "it names no folder")
	}
	return Reference{Scheme: SchemeLayout, Path: path, Tag: tag, Digest: digest}, nil
}

// cutTag takes the tag from the end: what follows the last colon, where no slash comes after it.
func cutTag(s string) (before, tag string) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || strings.Contains(s[colon:], "/") {
		return s, ""
	}
	return s[:colon], s[colon+1:]
}

func parseRemote(whole, rest string) (Reference, error) {
	rest, digest, err := cutDigest(whole, rest)
	if err != nil {
		return Reference{}, err
	}
	host, path, ok := strings.Cut(rest, "/")
	if !ok {
		return Reference{}, badReference(whole, "it has a host and no repository")
	}
	repository, tag, tagged := strings.Cut(path, ":")
	if tagged && !tagForm.MatchString(tag) {
		return Reference{}, badReference(whole, "its tag is none")
	}
	checked := registry.Reference{Registry: host, Repository: repository}
	if host == "" || checked.ValidateRegistry() != nil || strings.ContainsAny(host, "@?#") {
		return Reference{}, badReference(whole, "its host is none")
	}
	if checked.ValidateRepository() != nil || len(repository) > 255 {
		return Reference{}, badReference(whole, "its repository is none (lower case letters, digits, . _ - and /)")
	}
	return Reference{Scheme: SchemeOCI, Registry: host, Repository: repository, Tag: tag, Digest: digest}, nil
}

// userinfo is a login where URLs have one.
var userinfo = regexp.MustCompile(`^([a-z-]+://)?[^/@]+:[^/@]+@`)

func badReference(s, detail string) error {
	if login := userinfo.FindString(s); login != "" && !sha256Digest.MatchString(s[len(login):]) {
		return &Error{
			Code: CodeReferenceInvalid, Place: "reference " + shown(userinfo.ReplaceAllString(s, "${1}...@")), Detail: "a login stands in it",
			Mend: "log in by docker login or oras login, and leave it out",
		}
	}
	return &Error{
		Code: CodeReferenceInvalid, Place: "reference " + shown(s), Detail: detail,
		Mend: "write oci://HOST/REPOSITORY:TAG, oci-layout://FOLDER:TAG or file://PATH",
	}
}

// digestOf is the digest of bytes as references have it.
func digestOf(data []byte) digest.Digest { return digest.FromBytes(data) }
