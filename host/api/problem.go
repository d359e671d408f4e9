package api

import (
	"net/http"
	"strconv"

	"agentmesh/pdk/abi"
)

// problem is an error answer (RFC 9457), with a code that machines may branch on.
type problem struct {
	status       int
	code, detail string
	line, column int
}

func (p problem) write(w http.ResponseWriter) {
	members := []abi.Member{
		{Name: "title", Value: abi.StringValue(http.StatusText(p.status))},
		{Name: "status", Value: abi.IntValue(int64(p.status))},
		{Name: "code", Value: abi.StringValue(p.code)},
		{Name: "detail", Value: abi.StringValue(p.detail)},
	}
	if p.line > 0 {
		members = append(members,
			abi.Member{Name: "line", Value: abi.IntValue(int64(p.line))},
			abi.Member{Name: "column", Value: abi.IntValue(int64(p.column))})
	}
	answer(w, p.status, "application/problem+json", abi.AppendJSON(nil, abi.ObjectValue(members...)))
}

// answer writes a body that no cache may keep and no browser may guess the type of.
func answer(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; there is nobody to tell
}
