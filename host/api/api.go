package api

import (
	"context"
	"net/http"
)

// Config is what an API is made of. All but Refused, Hosts and Metrics must be given.
type Config struct {
	// Decide answers POST /v1/decide.
	Decide Decide
	// Refused is told of requests that could not be read, from callers who may ask; nil: nobody is.
	Refused func(ctx context.Context, reason string, size int64)
	// Status answers GET /readyz.
	Status func() Status
	// Metrics answers GET /metrics; nil: there are none.
	Metrics http.Handler
	// Token is what callers over TCP must present.
	Token string
	// Hosts are names beside loopback's that requests over TCP may give as their Host.
	Hosts []string
	// MaxBytes is the size of a request's body at most.
	MaxBytes int64
}

// TCP is the API as it is served over TCP: decisions need the token.
func TCP(c Config) http.Handler {
	hosts := append([]string{}, c.Hosts...)
	return fromOutside(hosts, routes(c, withToken(c.Token, decider{c.Decide, c.Refused, c.MaxBytes})))
}

// Socket is the API as it is served over a unix socket, whose file mode says who may ask.
func Socket(c Config) http.Handler {
	return fromOutside(nil, routes(c, decider{c.Decide, c.Refused, c.MaxBytes}))
}

func routes(c Config, decide http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/decide", decide)
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", readyz(c.Status))
	mux.HandleFunc("GET /openapi.yaml", descriptionYAML)
	mux.HandleFunc("GET /openapi.json", descriptionJSON)
	if c.Metrics != nil {
		mux.Handle("GET /metrics", c.Metrics)
	}
	return plainErrors(mux)
}

// plainErrors answers what no route takes in the shape of all other errors.
func plainErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		if allowed := otherMethods(mux, r); allowed != "" {
			w.Header().Set("Allow", allowed)
			problem{status: http.StatusMethodNotAllowed, code: "method_not_allowed", detail: r.URL.Path + " takes " + allowed}.write(w)
			return
		}
		problem{status: http.StatusNotFound, code: "not_found", detail: "there is nothing here; GET /openapi.yaml says what is where"}.write(w)
	})
}

func otherMethods(mux *http.ServeMux, r *http.Request) string {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			return method
		}
	}
	return ""
}
