package mcp

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"agentmesh/host/facts"
	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

// Gate is what a proxy asks; *gate.Gate is one.
type Gate interface {
	Decide(ctx context.Context, c *gate.Call) abi.Verdict
	DecideResult(ctx context.Context, c *gate.Call) abi.Verdict
	List(ctx context.Context, about gate.Subject, calls []gate.Call) gate.Listing
	Refuse(ctx context.Context, r gate.Refusal) abi.Verdict
	Report(o abi.Outcome, about gate.Subject) error
	Note(ctx context.Context, kind string, about gate.Subject, body abi.Value) error
}

var _ Gate = (*gate.Gate)(nil)

// RefusalMode says how refused tool calls are answered.
type RefusalMode uint8

const (
	// RefuseByResult answers with a result that has isError, which clients show to the model.
	RefuseByResult RefusalMode = iota
	// RefuseByError answers with a JSON-RPC error always.
	RefuseByError
)

// Shown is what a server tells of itself: the items of a list, or its instructions as the one item {"instructions":TEXT}.
type Shown struct {
	// Server is action.server, Method that of the request that is answered.
	Server, Method string
	Items          []abi.Value
}

// Notes are what looking at an item found.
type Notes struct {
	// New: a tool that was never seen before. Changed: a tool that is not what was pinned, and nobody approved the change.
	New, Changed bool
	// Flagged: instructions aimed at the model stand in it; Kinds names them.
	Flagged bool
	Kinds   []string
	Hash    string
}

// Treatment is what happens to results on their way to the client.
type Treatment interface {
	// Tool treats the raw JSON of a result object. It gives back the same slice when nothing changes; an error withholds the
	// result. It keeps nothing of raw.
	Tool(raw []byte, t Treated) ([]byte, ResultReport, error)
	// Fault does the same for the error object of an answer, which has no place for notes.
	Fault(raw []byte) ([]byte, ResultReport, error)
}

// Config says what a Proxy works with. Gate and Facts must be there; the zero value of everything else works.
type Config struct {
	Gate  Gate
	Facts *facts.Extractor
	// Protected says which of the mesh's own places a call names, for people; empty: none. It is given the facts found as
	// well. Nil: nothing is protected.
	Protected func(*facts.Call, *abi.Request) string
	// HearsResults reports whether any judge speaks at stage post_tool about a request. Nil: none does.
	HearsResults func(*abi.Request) bool
	// Results treats results; nil leaves them as they are.
	Results Treatment
	// Inspect looks at what a server tells of itself: pins of tools, and instructions aimed at the model. It gives as many
	// notes as there are items. Nil: nothing is flagged or changed.
	Inspect func(ctx context.Context, about Shown) ([]Notes, error)
	// Whole is told which tools a server has when its list was read to its end. Nil: nobody is.
	Whole func(ctx context.Context, server string, names []string) error
	// Changed are the tools whose change waited for approval when the session began: they count as changed until a list is
	// seen.
	Changed []string
	// Found is told what a result, a list or the server's instructions held, if anything. Nil: nobody is.
	Found func(ResultReport)
	// Agent is the agent part of every request, Context the context but for the time.
	Agent, Context abi.Value
	// Server is action.server.
	Server string
	// Refusal says how refused tool calls are answered.
	Refusal RefusalMode
	// MaxMessage is the size of a message at most, in bytes; 0: DefaultMaxMessage.
	MaxMessage int
	// CanonicalArgs rewrites paths in arguments to their canonical form before they are decided and forwarded.
	CanonicalArgs bool
	// Grace is how long a server is waited for, after its input was closed and again after SIGTERM; 0: 5 s.
	Grace time.Duration
	// Gone is closed when the client has gone, though what it sent may wait to be read. Nil: the end of what it sends tells.
	Gone <-chan struct{}
	// Log gets what operators should know; nil is nowhere.
	Log hclog.Logger
}

// DefaultGrace is how long a server has to end by itself.
const DefaultGrace = 5 * time.Second

// agentName is what entries call the agent.
func agentName(agent abi.Value) string {
	if did := agent.Get("did").Text(); did != "" {
		return did
	}
	return agent.Get("name").Text()
}
