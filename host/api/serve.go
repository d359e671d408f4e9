package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// The patience of a server with its clients.
const (
	headerTime = 5 * time.Second
	readTime   = 30 * time.Second
	idleTime   = 2 * time.Minute
	drainTime  = 10 * time.Second
	headerSize = 16 << 10
)

// Endpoint is one open listener and what answers on it.
type Endpoint struct {
	net.Listener
	Handler http.Handler
}

// ListenTCP opens a TCP address. Beyond loopback it must speak TLS, or requests and the token would cross the network in
// the open; tlsConfig is nil for none.
func ListenTCP(ctx context.Context, address string, tlsConfig *tls.Config) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: an address is HOST:PORT: %w", address, err)
	}
	if tlsConfig == nil && !isLoopback(host) {
		return nil, fmt.Errorf("listen on %s: it is not a loopback address; give tls.cert and tls.key, or listen on 127.0.0.1", address)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		return tls.NewListener(l, tlsConfig), nil
	}
	return l, nil
}

// ListenUnix opens a unix socket that only this user can open. A socket left behind by a dead process is replaced; one
// that answers is not.
func ListenUnix(ctx context.Context, path string) (net.Listener, error) {
	if conn, err := new(net.Dialer).DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: another process answers there", path), conn.Close())
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("listen on %s: %w", path, err)
		}
	}
	// The mode must hold from the first moment; chmod afterwards would leave a gap.
	defer privateFiles()()
	return new(net.ListenConfig).Listen(ctx, "unix", path)
}

// Serve answers on all endpoints until the context ends, then takes no more connections and returns when the requests
// under way have been answered. Complaints of the HTTP server go to errorLog, nil for nowhere.
func Serve(ctx context.Context, errorLog *log.Logger, endpoints ...Endpoint) error {
	failed := make(chan error, len(endpoints))
	servers := make([]*http.Server, len(endpoints))
	for i, e := range endpoints {
		s := &http.Server{
			Handler: e.Handler, ErrorLog: errorLog, MaxHeaderBytes: headerSize,
			ReadHeaderTimeout: headerTime, ReadTimeout: readTime, IdleTimeout: idleTime,
		}
		servers[i] = s
		go func() { failed <- s.Serve(e.Listener) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	return errors.Join(err, drain(servers))
}

func drain(servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var all error
	for _, s := range servers {
		if err := s.Shutdown(ctx); err != nil {
			all = errors.Join(all, fmt.Errorf("drain: %w", err), s.Close())
		}
	}
	return all
}
