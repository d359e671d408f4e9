package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"

	"agentmesh/host/api"
	"agentmesh/host/gate"
)

// Serve answers the decision API where the configuration says until the context ends, then returns when the requests under
// way have been answered. ready, which may be nil, is told the addresses once connections are taken.
func (h *Host) Serve(ctx context.Context, ready func(addresses []string)) error {
	endpoints, addresses, err := h.listen(ctx)
	if err != nil {
		for _, e := range endpoints {
			err = errors.Join(err, e.Close())
		}
		return err
	}
	if len(endpoints) == 0 {
		return errors.New("serve: there is neither an address to listen on nor a socket")
	}
	if ready != nil {
		ready(addresses)
	}
	errorLog := h.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug})
	return api.Serve(ctx, errorLog, endpoints...)
}

func (h *Host) listen(ctx context.Context) (endpoints []api.Endpoint, addresses []string, err error) {
	c := h.apiConfig()
	if h.config.Listen != "" {
		l, scheme, err := h.listenTCP(ctx)
		if err != nil {
			return endpoints, nil, err
		}
		if host, _, err := net.SplitHostPort(h.config.Listen); err == nil {
			c.Hosts = append(c.Hosts, host)
		}
		endpoints = append(endpoints, api.Endpoint{Listener: l, Handler: h.metrics.api(api.TCP(c))})
		addresses = append(addresses, scheme+"://"+l.Addr().String())
	}
	if h.config.Socket != "" {
		l, err := api.ListenUnix(ctx, h.config.Socket)
		if err != nil {
			return endpoints, nil, err
		}
		endpoints = append(endpoints, api.Endpoint{Listener: l, Handler: h.metrics.api(api.Socket(c))})
		addresses = append(addresses, "unix:"+h.config.Socket)
	}
	return endpoints, addresses, nil
}

func (h *Host) listenTCP(ctx context.Context) (l net.Listener, scheme string, err error) {
	scheme = "http"
	var conf *tls.Config
	if h.config.TLS.Cert != "" {
		pair, err := tls.LoadX509KeyPair(h.config.TLS.Cert, h.config.TLS.Key)
		if err != nil {
			return nil, "", fmt.Errorf("certificate: %w", err)
		}
		scheme, conf = "https", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	l, err = api.ListenTCP(ctx, h.config.Listen, conf)
	return l, scheme, err
}

func (h *Host) apiConfig() api.Config {
	return api.Config{
		Decide: h.decide, Refused: h.refused, Status: h.Status, Metrics: h.metrics.handler(),
		Token: h.token, Hosts: append([]string{}, h.config.Hosts...), MaxBytes: h.config.Request.MaxBytes,
	}
}

// refused records a request that could not be read. It was authenticated, so somebody with the token is mistaken, or at it.
func (h *Host) refused(ctx context.Context, reason string, size int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	h.gate.Refuse(ctx, gate.Refusal{Subject: gate.Subject{Method: http.MethodPost + " /v1/decide"}, Reason: reason, Bytes: size})
}
