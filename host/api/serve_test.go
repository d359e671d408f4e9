package api_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agentmesh/host/api"
	"agentmesh/pdk/abi"
)

func TestListenBeyondLoopbackNeedsTLS(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "8470", "unix:/x"} {
		l, err := api.ListenTCP(t.Context(), address, nil)
		if err == nil {
			t.Errorf("%s: listens on %s", address, l.Addr())
			_ = l.Close()
		}
	}
}

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := api.ListenUnix(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others can open the socket: mode %04o", info.Mode().Perm())
	}
	if second, err := api.ListenUnix(t.Context(), path); err == nil {
		t.Error("took the socket of a living process")
		_ = second.Close()
	}
}

func TestListenUnixReplacesADeadSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := api.ListenUnix(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestServeAnswersWhatIsUnderWay ends the server while a decision is being made: the caller still gets it.
func TestServeAnswersWhatIsUnderWay(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	reached, release := make(chan struct{}), make(chan struct{})
	conf := config(new(asked))
	conf.Decide = func(context.Context, *abi.Request) abi.Verdict {
		close(reached)
		<-release
		return abi.Verdict{Code: abi.CodeNoRule, ID: "late"}
	}
	l, err := api.ListenTCP(ctx, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- api.Serve(ctx, nil, api.Endpoint{Listener: l, Handler: api.TCP(conf)}) }()
	answers := make(chan string, 1)
	go func() {
		r, _ := http.NewRequest(http.MethodPost, "http://"+l.Addr().String()+"/v1/decide", strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			answers <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answers <- string(body)
	}()
	<-reached
	stop()
	close(release)
	if body := <-answers; !strings.Contains(body, `"id":"late"`) {
		t.Errorf("got %q, want the verdict", body)
	}
	if err := <-served; err != nil && !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serve: %v", err)
	}
}
