package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"agentmesh/pdk/abi"
)

// Decide is what the API asks: the gate, which gathers what the host itself can know of the action.
type Decide func(ctx context.Context, q *abi.Request) abi.Verdict

type decider struct {
	decide   Decide
	refused  func(ctx context.Context, reason string, size int64)
	maxBytes int64
}

func (d decider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p, ok := acceptable(r); !ok {
		p.write(w)
		return
	}
	body, p, ok := d.body(w, r)
	if !ok {
		p.write(w)
		return
	}
	q, err := ReadRequest(body)
	if err != nil {
		if d.refused != nil {
			d.refused(r.Context(), err.Error(), int64(len(body)))
		}
		malformed(err).write(w)
		return
	}
	// The caller vouches for what it says of the agent, whatever it says of who vouches.
	q.Agent = q.Agent.With("asserted_by", abi.StringValue("caller"))
	verdict := d.decide(r.Context(), &q)
	if verdict.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(verdict.RetryAfter, 10))
	}
	answer(w, http.StatusOK, "application/json", append(abi.AppendVerdict(nil, &verdict), '\n'))
}

// acceptable refuses what is not plain JSON: a form or text/plain is what a web page can send without being asked twice.
func acceptable(r *http.Request) (problem, bool) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return problem{status: http.StatusUnsupportedMediaType, code: "not_json", detail: "send Content-Type: application/json, in UTF-8"}, false
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return problem{status: http.StatusUnsupportedMediaType, code: "encoded", detail: "send the body as it is, without Content-Encoding"}, false
	}
	return problem{}, true
}

func (d decider) body(w http.ResponseWriter, r *http.Request) (string, problem, bool) {
	var text strings.Builder
	if r.ContentLength > 0 && r.ContentLength <= d.maxBytes {
		text.Grow(int(r.ContentLength))
	}
	_, err := io.Copy(&text, http.MaxBytesReader(w, r.Body, d.maxBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		detail := "a request may have " + strconv.FormatInt(d.maxBytes, 10) + " bytes (request.max_bytes)"
		return "", problem{status: http.StatusRequestEntityTooLarge, code: string(abi.CodeInputTooLarge), detail: detail}, false
	case err != nil:
		return "", problem{status: http.StatusBadRequest, code: string(abi.CodeMalformed), detail: "the body ended early"}, false
	}
	return text.String(), problem{}, true
}

func malformed(err error) problem {
	p := problem{status: http.StatusBadRequest, code: string(abi.CodeMalformed), detail: err.Error()}
	var at *RequestError
	if errors.As(err, &at) {
		p.line, p.column = at.Line, at.Column
	}
	return p
}
