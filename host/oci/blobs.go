package oci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"agentmesh/host/disk"
)

// Blobs is a flat store of content by digest: FOLDER/sha256/HEX, for its owner alone (0700, 0600). A blob is there whole
// or not at all, whatever ends the writer: it is written beside its place, synced, renamed, and the folder is synced.
// Several processes may use one folder at once.
type Blobs struct {
	dir string // the folder sha256
}

// OpenBlobs opens a store and makes its folder where there is none.
func OpenBlobs(dir string) (*Blobs, error) {
	inner := filepath.Join(dir, "sha256")
	if info, err := os.Lstat(inner); err == nil && info.IsDir() {
		return &Blobs{dir: inner}, nil
	}
	if err := os.MkdirAll(inner, 0o700); err != nil {
		return nil, told(dir, err)
	}
	return &Blobs{dir: inner}, told(dir, errors.Join(disk.SyncDir(dir), disk.SyncDir(filepath.Dir(dir))))
}

// Put stores what r gives, once its size and digest are those wanted; a negative size is any. What is there already
// and whole is left as it is, and r is not read. Errors are [*Error]s: size_mismatch, digest_mismatch, disk_full,
// storage_failed; then nothing is changed.
func (b *Blobs) Put(ctx context.Context, r io.Reader, want string, size int64) error {
	if !sha256Digest.MatchString(want) {
		return &Error{Code: CodeReferenceInvalid, Place: shown(want), Detail: "it is no sha256 digest"}
	}
	if b.whole(want, size) {
		return nil
	}
	part, err := disk.NewPart(b.dir)
	if err != nil {
		return told(b.dir, err)
	}
	defer part.Discard()
	if err := fill(ctx, part, r, content{want, size}); err != nil {
		return told(b.path(want), err)
	}
	return told(b.path(want), part.Replace(b.path(want)))
}

// PutBytes stores data and returns its digest.
func (b *Blobs) PutBytes(ctx context.Context, data []byte) (string, error) {
	want := digestOf(data).String()
	return want, b.Put(ctx, bytes.NewReader(data), want, int64(len(data)))
}

// content is what a stream must turn out to be.
type content struct {
	digest string
	size   int64 // negative: any
}

func fill(ctx context.Context, w io.Writer, r io.Reader, want content) error {
	hash := sha256.New()
	if want.size >= 0 {
		r = io.LimitReader(r, want.size+1)
	}
	n, err := io.Copy(io.MultiWriter(w, hash), reading{ctx, r})
	if err != nil {
		return err
	}
	return at(want.digest, want.check(n, hash.Sum(nil)))
}

func (c content) check(n int64, sum []byte) error {
	if c.size >= 0 && n > c.size {
		return fault(CodeSizeMismatch, "there are more than the %d bytes declared", c.size)
	}
	if c.size >= 0 && n < c.size {
		return fault(CodeSizeMismatch, "there are %d bytes, where %d were declared", n, c.size)
	}
	if got := "sha256:" + hex.EncodeToString(sum); got != c.digest {
		return fault(CodeDigestMismatch, "the bytes have the digest %s, not %s", got, c.digest)
	}
	return nil
}

// Read gives the bytes of a blob of at most max bytes, hashed after they were read from the one open file: what is
// returned is what was asked for, whatever happens to the file. Codes: not_found, too_large, digest_mismatch,
// storage_failed.
func (b *Blobs) Read(want string, max int64) ([]byte, error) {
	f, size, err := b.open(want)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > max {
		return nil, &Error{Code: CodeTooLarge, Place: f.Name(), Detail: "it is larger than may be read"}
	}
	buf := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	if _, err := buf.ReadFrom(io.LimitReader(f, max+1)); err != nil {
		return nil, told(f.Name(), err)
	}
	if got := digestOf(buf.Bytes()).String(); got != want {
		return nil, &Error{
			Code: CodeDigestMismatch, Place: f.Name(), Detail: "the file was altered: it has the digest " + got,
			Mend: "remove it and pull it again",
		}
	}
	return buf.Bytes(), nil
}

func (b *Blobs) open(want string) (*os.File, int64, error) {
	if !sha256Digest.MatchString(want) {
		return nil, 0, &Error{Code: CodeReferenceInvalid, Place: shown(want), Detail: "it is no sha256 digest"}
	}
	return openRegular(b.path(want))
}

// openRegular opens a file that is no link, device or pipe.
func openRegular(path string) (*os.File, int64, error) {
	f, info, err := disk.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, &Error{Code: CodeNotFound, Place: path, Detail: "there is no such file", Err: err}
	}
	if err != nil {
		return nil, 0, told(path, err)
	}
	return f, info.Size(), nil
}

// Has reports whether there is a blob of that digest; whether it is whole, Read says.
func (b *Blobs) Has(digest string) bool {
	f, _, err := b.open(digest)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// whole reports whether the blob is there and as it should be.
func (b *Blobs) whole(want string, size int64) bool {
	f, have, err := b.open(want)
	if err != nil {
		return false
	}
	defer f.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, f)
	return err == nil && n == have && content{want, size}.check(n, hash.Sum(nil)) == nil
}

// List gives the digests of all blobs, in order.
func (b *Blobs) List() ([]string, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, told(b.dir, err)
	}
	var out []string
	for _, e := range entries {
		if d := "sha256:" + e.Name(); sha256Digest.MatchString(d) {
			out = append(out, d)
		}
	}
	return out, nil
}

// Remove takes a blob away; one that is not there is no error.
func (b *Blobs) Remove(want string) error {
	if !sha256Digest.MatchString(want) {
		return &Error{Code: CodeReferenceInvalid, Place: shown(want), Detail: "it is no sha256 digest"}
	}
	err := os.Remove(b.path(want))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return told(b.path(want), err)
	}
	return told(b.dir, disk.SyncDir(b.dir))
}

// Sweep removes what killed writers left behind, and returns how many files that were. What others are writing now
// stays.
func (b *Blobs) Sweep() (int, error) {
	swept, err := disk.Sweep(b.dir)
	return swept, told(b.dir, err)
}

func (b *Blobs) path(want string) string {
	return filepath.Join(b.dir, digest.Digest(want).Encoded())
}

// reading ends a copy when its context does.
type reading struct {
	ctx context.Context
	io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}
