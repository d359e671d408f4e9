package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"agentmesh/host/api"
	"agentmesh/pdk/abi"
)

const token = "a-token-for-tests"

// asked answers every request with one verdict, by default that no rule allows it, and keeps what it was asked.
type asked struct {
	verdict  abi.Verdict
	requests []string
	refused  []string
}

func (a *asked) decide(_ context.Context, q *abi.Request) abi.Verdict {
	a.requests = append(a.requests, string(abi.AppendRequest(nil, q)))
	if a.verdict.Code == "" {
		return abi.Verdict{Code: abi.CodeNoRule}
	}
	return a.verdict
}

func config(a *asked) api.Config {
	return api.Config{
		Decide:  a.decide,
		Refused: func(_ context.Context, reason string, _ int64) { a.refused = append(a.refused, reason) },
		Status:  func() api.Status { return api.Status{Set: "sha256:00", Judges: 1} },
		Token:   token, Hosts: []string{"mesh.example.com"}, MaxBytes: 1000,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = io.WriteString(w, "agentmesh_up 1\n")
		}),
	}
}

// request is a decision that nothing is wrong with, until change is done to it.
func request(body string, change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8470/v1/decide", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	if change != nil {
		change(r)
	}
	return r
}

func serve(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	described(t, r, w)
	return w
}

func TestDecideRefused(t *testing.T) {
	set := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	for _, c := range []struct {
		name   string
		body   string
		change func(*http.Request)
		status int
		code   string
	}{
		{"from a web page", "{}", set("Origin", "https://example.com"), 403, "origin_refused"},
		{"from a page that hides where it is", "{}", set("Origin", ""), 403, "origin_refused"},
		{"from our own page", "{}", set("Origin", "http://127.0.0.1:8470"), 403, "origin_refused"},
		{"by a rebound name", "{}", func(r *http.Request) { r.Host = "evil.example.com:8470" }, 403, "host_refused"},
		{"by a name that begins like loopback", "{}", func(r *http.Request) { r.Host = "127.0.0.1.evil.example.com" }, 403, "host_refused"},
		{"by no name", "{}", func(r *http.Request) { r.Host = "" }, 403, "host_refused"},
		{"without a token", "{}", func(r *http.Request) { r.Header.Del("Authorization") }, 401, "unauthorized"},
		{"with another token", "{}", set("Authorization", "Bearer another"), 401, "unauthorized"},
		{"with the token's start", "{}", set("Authorization", "Bearer "+token[:5]), 401, "unauthorized"},
		{"with an empty token", "{}", set("Authorization", "Bearer "), 401, "unauthorized"},
		{"with the token as a password", "{}", set("Authorization", "Basic "+token), 401, "unauthorized"},
		{"without a type", "{}", func(r *http.Request) { r.Header.Del("Content-Type") }, 415, "not_json"},
		{"as a form", "{}", set("Content-Type", "application/x-www-form-urlencoded"), 415, "not_json"},
		{"as text", "{}", set("Content-Type", "text/plain"), 415, "not_json"},
		{"in another charset", "{}", set("Content-Type", "application/json; charset=utf-16"), 415, "not_json"},
		{"compressed", "{}", set("Content-Encoding", "gzip"), 415, "encoded"},
		{"too large", `{"data":{"a":"` + strings.Repeat("x", 1000) + `"}}`, nil, 413, "input_too_large"},
		{"too large without saying so", `{"data":{"a":"` + strings.Repeat("x", 1000) + `"}}`, func(r *http.Request) { r.ContentLength = -1 }, 413, "input_too_large"},
		{"empty", "", nil, 400, "malformed"},
		{"a list", "[]", nil, 400, "malformed"},
		{"two objects", "{}{}", nil, 400, "malformed"},
		{"a duplicate key", `{"action":{"type":"read","type":"export"}}`, nil, 400, "malformed"},
		{"a duplicate part", `{"action":{},"action":{}}`, nil, 400, "malformed"},
		{"a duplicate key by escape", `{"action":{"type":"read","\u0074ype":"export"}}`, nil, 400, "malformed"},
		{"invalid UTF-8", "{\"data\":{\"a\":\"\xff\"}}", nil, 400, "malformed"},
		{"a part in the wrong case", `{"Action":{"type":"export"}}`, nil, 400, "malformed"},
		{"a part that is none", `{"arguments":{}}`, nil, 400, "malformed"},
		{"a part that is no object", `{"action":"export"}`, nil, 400, "malformed"},
		{"another contract", `{"abi":2}`, nil, 400, "malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a asked
			w := serve(t, api.TCP(config(&a)), request(c.body, c.change))
			var p struct{ Code, Detail string }
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("the answer %q: %v", w.Body, err)
			}
			if w.Code != c.status || p.Code != c.code || p.Detail == "" {
				t.Errorf("got %d %q (%s), want %d %q", w.Code, p.Code, p.Detail, c.status, c.code)
			}
			if len(a.requests) != 0 {
				t.Errorf("the gate was asked %q", a.requests)
			}
			if told := len(a.refused) == 1; told != (c.status == 400) {
				t.Errorf("told of the refusals %q; want those that could not be read, and no others", a.refused)
			}
		})
	}
}

func TestMalformedSaysWhere(t *testing.T) {
	var a asked
	w := serve(t, api.TCP(config(&a)), request("{\n  \"data\": {\"é\": tru}\n}", nil))
	var p struct {
		Detail       string
		Line, Column int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Line != 2 || p.Column < 17 || !strings.Contains(p.Detail, "line 2") {
		t.Errorf("got line %d, column %d (%s), want the word on line 2", p.Line, p.Column, p.Detail)
	}
}

func TestDecide(t *testing.T) {
	a := asked{verdict: abi.Verdict{Decision: abi.Deny, Code: abi.CodeRateLimited, Rule: "rate", RetryAfter: 1800, Enforced: true, ID: "x"}}
	body := `{"agent":{"name":"bob","asserted_by":"config"},"action":{"type":"api_call"}}`
	for name, h := range map[string]http.Handler{"tcp": api.TCP(config(&a)), "socket": api.Socket(config(&a))} {
		t.Run(name, func(t *testing.T) {
			a.requests = nil
			w := serve(t, h, request(body, func(r *http.Request) {
				if name == "socket" {
					r.Header.Del("Authorization")
					r.Host = "unix"
				}
			}))
			if w.Code != 200 || w.Header().Get("Retry-After") != "1800" {
				t.Errorf("got %d with Retry-After %q, want 200 and 1800", w.Code, w.Header().Get("Retry-After"))
			}
			if got, err := abi.ReadVerdict(w.Body.String()); err != nil || got.Code != abi.CodeRateLimited || got.RetryAfter != 1800 {
				t.Errorf("got the verdict %+v, %v", got, err)
			}
			want := `{"abi":1,"agent":{"name":"bob","asserted_by":"caller"},"action":{"type":"api_call"}}`
			if len(a.requests) != 1 || a.requests[0] != want {
				t.Errorf("the gate was asked\n%s\nwant\n%s", a.requests, want)
			}
		})
	}
}

func TestNoRetryAfterUnlessWaitingHelps(t *testing.T) {
	a := asked{verdict: abi.Verdict{Code: abi.CodeNoRule}}
	w := serve(t, api.TCP(config(&a)), request("{}", nil))
	if _, there := w.Header()["Retry-After"]; there || w.Code != 200 {
		t.Errorf("got %d with Retry-After %q, want a plain 200", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestOwnNames(t *testing.T) {
	for _, host := range []string{"127.0.0.1:8470", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8470", "mesh.example.com", "Mesh.Example.Com:443"} {
		var a asked
		w := serve(t, api.TCP(config(&a)), request("{}", func(r *http.Request) { r.Host = host }))
		if w.Code != 200 {
			t.Errorf("Host %s: got %d, want 200", host, w.Code)
		}
	}
}

func TestReadyz(t *testing.T) {
	broken := api.Reason{Code: "policy_broken", Message: "a.yaml:1:1: no", Mend: "mend a.yaml"}
	failed := api.Reason{Code: "ledger_failed", Message: "disk full", Mend: "make room", Failing: true}
	for _, c := range []struct {
		reasons []api.Reason
		status  int
		state   string
	}{
		{[]api.Reason{broken, failed}, 503, "failing"},
		{[]api.Reason{broken}, 200, "degraded"},
		{nil, 200, "ready"},
	} {
		conf := config(&asked{})
		conf.Status = func() api.Status { return api.Status{Reasons: c.reasons} }
		w := serve(t, api.TCP(conf), httptest.NewRequest(http.MethodGet, "http://localhost/readyz", nil))
		var got struct {
			Status  string
			Reasons []struct{ Code, Message, Mend string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || got.Status != c.state || len(got.Reasons) != len(c.reasons) {
			t.Errorf("got %d %+v, want %d %s", w.Code, got, c.status, c.state)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{http.MethodGet, "/v1/decide", 405, "POST"},
		{http.MethodPost, "/readyz", 405, "GET"},
		{http.MethodGet, "/v2/decide", 404, ""},
	} {
		w := httptest.NewRecorder()
		api.TCP(config(&asked{})).ServeHTTP(w, httptest.NewRequest(c.method, "http://localhost"+c.path, nil))
		if w.Code != c.status || w.Header().Get("Allow") != c.allow || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: got %d, Allow %q, %s", c.method, c.path, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
}

func FuzzReadRequest(f *testing.F) {
	f.Add(`{"abi":1,"agent":{"name":"a"},"action":{"type":"read"},"data":{"é":[1,null,"\n"]}}`)
	f.Add(`{"Action":{}}`)
	f.Add("{\n\"action\":{\"a\":\xff}}")
	f.Fuzz(func(t *testing.T, src string) {
		q, err := api.ReadRequest(src)
		if err != nil {
			return
		}
		text := string(abi.AppendRequest(nil, &q))
		again, err := api.ReadRequest(text)
		if err != nil {
			t.Fatalf("%q reads as %s, which does not read: %v", src, text, err)
		}
		if got := string(abi.AppendRequest(nil, &again)); got != text {
			t.Fatalf("%q reads as %s, and that as %s", src, text, got)
		}
	})
}
