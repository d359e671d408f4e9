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
	"strings"

	"github.com/opencontainers/go-digest"
)

// Blobs is a flat store of content by digest: FOLDER/sha256/HEX, for its owner alone (0700, 0600). A blob is there whole
// or not at all, whatever ends the writer: it is written beside its place, synced, renamed, and the folder is synced.
// Several processes may use one folder at once.
type Blobs struct {
	dir string // the folder sha256
}

// leftover begins the names of files that are being written, or were when the writer was killed.
const leftover = ".part-"

// OpenBlobs opens a store and makes its folder where there is none.
func OpenBlobs(dir string) (*Blobs, error) {
	inner := filepath.Join(dir, "sha256")
	if info, err := os.Lstat(inner); err == nil && info.IsDir() {
		return &Blobs{dir: inner}, nil
	}
	if err := os.MkdirAll(inner, 0o700); err != nil {
		return nil, told(dir, err)
	}
	return &Blobs{dir: inner}, told(dir, errors.Join(syncDir(dir), syncDir(filepath.Dir(dir))))
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
	f, err := b.create()
	if err != nil {
		return told(b.dir, err)
	}
	err = b.fill(ctx, f, r, content{want, size})
	if err == nil {
		err = os.Rename(f.Name(), b.path(want))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return told(b.path(want), err)
	}
	return told(b.dir, syncDir(b.dir))
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

func (b *Blobs) fill(ctx context.Context, f *os.File, r io.Reader, want content) error {
	hash := sha256.New()
	if want.size >= 0 {
		r = io.LimitReader(r, want.size+1)
	}
	n, err := io.Copy(io.MultiWriter(f, hash), reading{ctx, r})
	if err != nil {
		return err
	}
	if err := want.check(n, hash.Sum(nil)); err != nil {
		return at(want.digest, err)
	}
	return f.Sync()
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

// create makes a file to write to and locks it: Sweep leaves alone what is locked. Between the two it may have been
// swept; then there is another.
func (b *Blobs) create() (*os.File, error) {
	for {
		f, err := os.CreateTemp(b.dir, leftover+"*") // mode 0600
		if err != nil {
			return nil, err
		}
		if _, err := lock(f, true); err != nil {
			return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
		if !unlinked(f) {
			return f, nil
		}
		f.Close()
	}
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
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, &Error{Code: CodeNotFound, Place: path, Detail: "there is no such file", Err: err}
	}
	if err != nil {
		return nil, 0, told(path, err)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, 0, &Error{Code: CodeStorageFailed, Place: path, Detail: "it is no regular file", Err: err}
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
	return told(b.dir, syncDir(b.dir))
}

// Sweep removes what killed writers left behind, and returns how many files that were. What others are writing now
// stays.
func (b *Blobs) Sweep() (int, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return 0, told(b.dir, err)
	}
	swept := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), leftover) && sweep(filepath.Join(b.dir, e.Name())) {
			swept++
		}
	}
	return swept, nil
}

func sweep(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR|noFollow, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	free, err := lock(f, false)
	return err == nil && free && os.Remove(path) == nil
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
