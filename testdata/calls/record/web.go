package main

import (
	"fmt"
	"net"
	"net/http"
)

// webAddress is written into the scripts.
const webAddress = "127.0.0.1:8123"

// serveWeb is the only host that servers are sent to: a page, a form, a robots.txt, and 404 for everything else.
func serveWeb() (net.Listener, error) {
	l, err := net.Listen("tcp", webAddress)
	if err != nil {
		return nil, fmt.Errorf("loopback pages: %w", err)
	}
	mux := http.NewServeMux()
	page := func(path, kind, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			fmt.Fprint(w, text)
		})
	}
	page("GET /{$}", "text/html", `<!doctype html><title>Opening hours</title><h1>Opening hours</h1><p>Monday to Friday, 9 to 17.</p><a href="/form">Write to us</a>`)
	page("GET /form", "text/html", `<!doctype html><title>Write to us</title><form action="/send" method="post"><input id="mail" name="mail"><select id="topic"><option value="a">A</option><option value="b">B</option></select><button id="go">Send</button></form>`)
	page("POST /send", "text/html", `<!doctype html><title>Thanks</title><p>Thank you.</p>`)
	page("GET /robots.txt", "text/plain", "User-agent: *\nDisallow: /private\n")
	page("GET /feed.json", "application/json", `{"items":[{"title":"We are open","id":1}]}`)
	go func() { _ = http.Serve(l, mux) }()
	return l, nil
}
