package oci

import (
	"cmp"
	"context"
	"io"
	"time"
)

// Options say how registries are spoken to. The zero Options are those of a careful client.
type Options struct {
	PlainHTTP    bool                                       // plain HTTP beyond loopback too; credentials are then not sent
	CAFile       string                                     // PEM certificates that are trusted beside the system's; loopback is then spoken to by TLS
	DockerConfig string                                     // config.json with logins and credential helpers; empty: $DOCKER_CONFIG, else that of the user
	Progress     func(done, total int64)                    // bytes of one Push or Pull; called often, from one goroutine at a time
	Retries      int                                        // how often what may pass is tried again; 0: 4 times, negative: never
	Backoff      time.Duration                              // the wait before the first retry, doubled each time, at most 8 s; 0: 250 ms
	Stall        time.Duration                              // how long a registry may send nothing; 0: 30 s
	UserAgent    string                                     // empty: "agentmesh"
	Wait         func(context.Context, time.Duration) error // waits; nil: by the clock. For tests
}

// Client pushes and pulls. It keeps tokens and connections, nothing of content.
type Client struct {
	o   Options
	web *web
}

// New makes a client. Its errors are of the files that the options name: code options_invalid.
func New(o Options) (*Client, error) {
	o.Retries = max(0, cmp.Or(o.Retries, 4))
	o.Backoff = cmp.Or(o.Backoff, 250*time.Millisecond)
	o.Stall = cmp.Or(o.Stall, 30*time.Second)
	o.UserAgent = cmp.Or(o.UserAgent, "agentmesh")
	if o.Wait == nil {
		o.Wait = sleep
	}
	w, err := newWeb(o)
	if err != nil {
		return nil, err
	}
	return &Client{o: o, web: w}, nil
}

// place is where artifacts lie. Errors become *Error by told; what a place returns was not verified, except that a
// layout and a file have no one between.
type place interface {
	// resolve names the manifest that the reference means. What it returns is only a hint to what to ask for.
	resolve(ctx context.Context) (Descriptor, error)
	// fetch opens content; the reader may give anything.
	fetch(ctx context.Context, d Descriptor) (io.ReadCloser, error)
	// push stores a blob, or a manifest, under its digest and a tag if there is one.
	push(ctx context.Context, d Descriptor, data []byte) error
	pushManifest(ctx context.Context, p *Pulled, tag string) error
	// referrers lists up to a cap what names d as its subject and is of the type, unless that is empty.
	referrers(ctx context.Context, d Descriptor, artifactType string, most int) ([]Descriptor, error)
}
