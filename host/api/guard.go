package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"
)

// fromOutside refuses what a web page or a rebound name sends, on every path: checking the token alone would leave the
// open paths to any site that a browser on this machine visits.
func fromOutside(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case len(r.Header.Values("Origin")) > 0:
			problem{status: http.StatusForbidden, code: "origin_refused", detail: "requests from web pages are refused"}.write(w)
		case hosts != nil && !ownHost(hosts, r.Host):
			problem{status: http.StatusForbidden, code: "host_refused", detail: "this host does not go by the name " + quoteShort(r.Host) + "; the configuration's `hosts` lists its names"}.write(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ownHost reports whether a Host header names us: loopback in any spelling, or one of the names given.
func ownHost(hosts []string, header string) bool {
	name := header
	if host, _, err := net.SplitHostPort(header); err == nil {
		name = host
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	return isLoopback(name) || slices.ContainsFunc(hosts, func(h string) bool { return h != "" && strings.EqualFold(h, name) })
}

func isLoopback(name string) bool {
	ip := net.ParseIP(name)
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}

func quoteShort(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return "«" + strings.ToValidUTF8(s, "?") + "»"
}

// withToken lets through only who presents the bearer token. Digests are compared, so that neither length nor content
// shows in the time it takes.
func withToken(token string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(given)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="agentmesh"`)
			problem{status: http.StatusUnauthorized, code: "unauthorized", detail: "the bearer token of the state folder is needed: Authorization: Bearer $(cat token)"}.write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
