package oci

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
)

// leastRate is how many bytes a second a registry must send, on the whole, after the first moments.
const leastRate = 4 << 10

// mostRedirects is how many redirects in a row are followed.
const mostRedirects = 5

// web is how registries are spoken to: one HTTP client with tokens and logins.
type web struct {
	o    Options
	auth *auth.Client
}

func newWeb(o Options) (*web, error) {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	base.TLSHandshakeTimeout = 10 * time.Second
	base.MaxResponseHeaderBytes = 64 << 10
	base.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pool, err := authorities(o.CAFile)
		if err != nil {
			return nil, err
		}
		base.TLSClientConfig.RootCAs = pool
	}
	logins, err := loginsOf(o)
	if err != nil {
		return nil, err
	}
	w := &web{o: o}
	w.auth = &auth.Client{
		Client:   &http.Client{Transport: &watched{base: base, stall: o.Stall}, CheckRedirect: checkRedirect},
		Cache:    auth.NewCache(),
		ClientID: "agentmesh",
		Credential: func(ctx context.Context, host string) (auth.Credential, error) {
			if w.plain(host) && !loopback(host) {
				return auth.EmptyCredential, nil // a login in plain text is everybody's
			}
			return logins(ctx, host)
		},
	}
	w.auth.SetUserAgent(o.UserAgent)
	return w, nil
}

func authorities(file string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pem, err := os.ReadFile(file)
	if err == nil && !pool.AppendCertsFromPEM(pem) {
		err = errors.New("it holds no PEM certificate")
	}
	if err != nil {
		return nil, &Error{Code: CodeOptionsInvalid, Place: file, Detail: err.Error(), Mend: "name a file of PEM certificates by --ca", Err: err}
	}
	return pool, nil
}

// plain reports whether the registry is spoken to by plain HTTP.
func (w *web) plain(host string) bool {
	if loopback(host) {
		return w.o.CAFile == ""
	}
	return w.o.PlainHTTP
}

// loopback reports whether a host[:port] is this machine by its very name.
func loopback(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().IsLoopback()
}

// checkRedirect follows a redirect on the same host, and from one host to another only for a blob.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	refuse := func(why string) error {
		return &Error{
			Code: CodeRedirectRefused, Place: first.URL.Host, Detail: "it sends us to " + shown(unsigned(req.URL.Redacted())) + ": " + why,
			Mend: "if that is where the registry now is, name it in the reference",
		}
	}
	switch {
	case len(via) > mostRedirects:
		return refuse("too many redirects")
	case req.URL.Scheme != "https" && (first.URL.Scheme == "https" || req.URL.Scheme != "http"):
		return refuse("TLS is not given up")
	case req.URL.User != nil:
		return refuse("it carries credentials")
	case req.URL.Scheme == first.URL.Scheme && sameHost(req.URL, first.URL):
		return nil
	case !blobRead(first):
		return refuse("another host is followed for blobs only")
	case req.URL.Scheme == "http" && !(loopback(req.URL.Host) && loopback(first.URL.Host)):
		return refuse("plain HTTP is not followed to another host")
	case inside(req.URL) && !loopback(first.URL.Host):
		return refuse("it is an address inside this machine or network link")
	}
	req.Header.Del("Authorization")
	req.Header.Del("Cookie")
	return nil
}

func sameHost(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		switch {
		case u.Port() != "":
			return u.Port()
		case u.Scheme == "https":
			return "443"
		}
		return "80"
	}
	return strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// blobRead reports whether a request reads a blob by its digest.
func blobRead(req *http.Request) bool {
	return req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/sha256:")
}

// inside reports whether a URL names this machine or an address of its link, where cloud metadata is served.
func inside(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return loopback(u.Host)
	}
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast()
}

// judged marks requests whose answers this package reads by itself: their declared length and digest are struck out,
// so that nothing else believes them first.
type judged struct{}

// watched ends requests that get nowhere, and makes errors of answers that ask to come back later.
type watched struct {
	base  http.RoundTripper
	stall time.Duration
}

func (t *watched) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	flow := &flow{stall: t.stall, began: time.Now(), cancel: cancel}
	flow.timer = time.AfterFunc(t.stall, func() { cancel(errStalled) })
	out := req.Clone(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = &body{ReadCloser: req.Body, flow: flow, ctx: ctx}
	}
	resp, err := t.base.RoundTrip(out)
	if err != nil {
		flow.end()
		if errors.Is(context.Cause(ctx), errStalled) {
			return nil, errStalled
		}
		return nil, err
	}
	resp.Request = req
	if later := comeBack(resp); later != nil {
		resp.Body.Close()
		flow.end()
		return nil, later
	}
	if req.Context().Value(judged{}) != nil && req.Method == http.MethodGet && resp.StatusCode == http.StatusOK {
		resp.Header.Del("Docker-Content-Digest")
		resp.Header.Del("Accept-Ranges")
		resp.ContentLength = -1
	}
	resp.Body = &body{ReadCloser: resp.Body, flow: flow, ctx: ctx, last: true}
	return resp, nil
}

// comeBack is the error of an answer that may be another one later.
func comeBack(resp *http.Response) error {
	if s := resp.StatusCode; s != http.StatusTooManyRequests && s != http.StatusRequestTimeout && s < 500 {
		return nil
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return &busy{status: resp.StatusCode, after: time.Duration(min(max(seconds, 0), 3600)) * time.Second}
}

// flow watches that bytes flow: something within stall, and on the whole at least leastRate.
type flow struct {
	stall  time.Duration
	began  time.Time
	bytes  atomic.Int64 // an answer may begin before the request has ended
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func (f *flow) moved(n int) error {
	seconds := float64(f.bytes.Add(int64(n))) / leastRate
	if time.Since(f.began) > f.stall+time.Duration(seconds*float64(time.Second)) {
		f.cancel(errStalled)
		return errStalled
	}
	f.timer.Reset(f.stall)
	return nil
}

func (f *flow) end() {
	f.timer.Stop()
	f.cancel(nil)
}

// body is what is sent or received, watched.
type body struct {
	io.ReadCloser
	flow *flow
	ctx  context.Context
	last bool // the answer: after it the request is over
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if stalled := b.flow.moved(n); stalled != nil {
		return 0, stalled
	}
	if err != nil && err != io.EOF && errors.Is(context.Cause(b.ctx), errStalled) {
		return n, errStalled
	}
	return n, err
}

func (b *body) Close() error {
	if b.last {
		defer b.flow.end()
	}
	return b.ReadCloser.Close()
}

// unreachable reports whether an error is the network's.
func unreachable(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)
}
