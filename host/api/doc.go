// Package api is the decision API over HTTP: it decodes a request, asks the gate, and encodes the verdict.
//
//	POST /v1/decide     a request in, a verdict out; 200 for allow and deny alike
//	GET  /healthz       the process answers
//	GET  /readyz        whether it can decide, and everything it would complain of
//	GET  /metrics       Prometheus text
//	GET  /openapi.json  the description of all this, OpenAPI 3.1; /openapi.yaml likewise
//
// # Who may ask
//
// Over TCP a decision needs the bearer token of the state folder; over the unix socket, which only its owner can open,
// none. A request with an Origin header comes from a web page, and one with a Host that is not ours from a name that
// somebody pointed at us (DNS rebinding): both are refused (403) wherever they go. TCP beyond loopback needs TLS.
//
// # What is taken
//
// An object with the members of abi.Request, each of which may be absent. It is read strictly: a member named twice,
// invalid UTF-8, bytes after the object and a part that no request has are errors (400) that say where they stand. What
// the caller says of the agent is marked asserted_by caller; context.time is the host's, whatever the request says.
//
// Errors are application/problem+json (RFC 9457) with a stable code beside.
package api
