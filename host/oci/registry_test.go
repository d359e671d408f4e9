package oci_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"agentmesh/host/oci"
)

// shelf is a registry in this process, between whom and its clients a test may step.
type shelf struct {
	*httptest.Server
	mu       sync.Mutex
	asked    []string // METHOD PATH of every request, in order
	hostile  func(w http.ResponseWriter, r *http.Request, honest http.Handler)
	received []http.Header
}

// newShelf starts a registry; without referrers it is as old as most: it has no API that lists them.
func newShelf(t testing.TB, referrers bool) *shelf {
	t.Helper()
	s := &shelf{}
	s.Server = httptest.NewServer(s.handler(referrers))
	t.Cleanup(s.Close)
	return s
}

func (s *shelf) handler(referrers bool) http.Handler {
	honest := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(referrers))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		s.received = append(s.received, r.Header.Clone())
		hostile := s.hostile
		s.mu.Unlock()
		if hostile != nil {
			hostile(w, r, honest)
			return
		}
		honest.ServeHTTP(w, r)
	})
}

// turn makes the registry hostile from now on, and forgets what it was asked before.
func (s *shelf) turn(hostile func(w http.ResponseWriter, r *http.Request, honest http.Handler)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hostile, s.asked, s.received = hostile, nil, nil
}

// count is how many requests began so since the last turn.
func (s *shelf) count(method, part string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.asked {
		if strings.HasPrefix(a, method+" ") && strings.Contains(a, part) {
			n++
		}
	}
	return n
}

func (s *shelf) host() string {
	return strings.TrimPrefix(strings.TrimPrefix(s.URL, "http://"), "https://")
}

func (s *shelf) ref(t testing.TB, rest string) oci.Reference {
	t.Helper()
	return reference(t, "oci://"+s.host()+"/"+rest)
}

func reference(t testing.TB, text string) oci.Reference {
	t.Helper()
	ref, err := oci.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// client is one that waits for nobody and tries once.
func client(t testing.TB, change ...func(*oci.Options)) *oci.Client {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	o := oci.Options{Retries: -1, Wait: func(context.Context, time.Duration) error { return nil }}
	for _, c := range change {
		c(&o)
	}
	c, err := oci.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// module is bytes that stand for a module; nothing here looks inside.
func module(version string) []byte { return []byte("\x00asm\x01\x00\x00\x00 rules " + version) }

// wantCode fails unless err has the code, and shows how people would read it.
func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := string(oci.CodeOf(err)); got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("%+v", err))
	}
	return v
}
