package mcp

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"agentmesh/pdk/abi"
)

// Proxy stands between one client and one server. It is run once.
type Proxy struct {
	c       Config
	log     hclog.Logger
	pending *table
	tools   catalog
	marks   marks
	tasks   taskLog
	up      *conveyor // client to server
	down    *conveyor // server to client
	client  lines
	server  lines
	gone    atomic.Bool // the server takes no more
	left    chan struct{}
	batches atomic.Bool // the revision agreed on has batches
	odd     atomic.Int64
	ctx     context.Context // of decisions; it ends with Run
}

// New makes a proxy.
func New(c Config) (*Proxy, error) {
	if c.Gate == nil || c.Facts == nil {
		return nil, errors.New("mcp: a gate and an extractor of facts are needed")
	}
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	if c.MaxMessage <= 0 {
		c.MaxMessage = DefaultMaxMessage
	}
	if c.Grace <= 0 {
		c.Grace = DefaultGrace
	}
	return &Proxy{c: c, log: c.Log, pending: newTable(), left: make(chan struct{})}, nil
}

// Server is the other end: a process, or whatever speaks as one.
type Server interface {
	// Input takes messages for the server. Closing it, once or more, tells the server that there are no more, and wakes a
	// write that waits.
	Input() io.WriteCloser
	// Output is what the server sends; closing it wakes a read that waits.
	Output() io.ReadCloser
	// Done is closed when the server has ended, and Exit is then how.
	Done() <-chan struct{}
	Exit() Exit
	// Stop makes the server end, whose Input was closed before: it waits, asks, waits for the grace, and kills.
	Stop(wait, grace time.Duration)
}

// Exit is how a server ended.
type Exit struct {
	Code int    // as a shell has it: 128 and the signal where one killed it
	How  string // for people
}

// flushTime is how long what a server last said may take to reach the client, once the server has ended.
const flushTime = 2 * time.Second

// Run carries messages between a client and a server until one of them ends, or the context does. It gives the exit code
// to end with: 0 when the client left or the context ended, else the server's own. A read of in that waits then goes on
// waiting unless in can be closed.
func (p *Proxy) Run(ctx context.Context, in io.Reader, out io.Writer, s Server) int {
	deciding, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p.ctx = deciding
	p.up, p.down = newConveyor(), newConveyor()
	defer p.up.stop()
	defer p.down.stop()
	leave := sync.OnceFunc(func() { close(p.left) })
	p.client = lines{w: out, broken: func(error) { leave() }}
	p.server = lines{w: s.Input(), broken: func(error) { p.gone.Store(true) }}
	clientDone, serverDone := make(chan struct{}), make(chan struct{})
	go p.read(in, "client", p.fromClient, clientDone)
	go p.read(s.Output(), "server", p.fromServer, serverDone)
	go p.watchClient(clientDone, leave)
	if c, ok := in.(io.Closer); ok {
		defer c.Close()
	}
	select {
	case <-clientDone:
	case <-p.left:
	case <-ctx.Done():
	case <-s.Done():
	case <-serverDone:
	}
	if ended(s, serverDone) { // whoever else has, too
		return p.serverEnded(s, serverDone)
	}
	p.stopServer(s, serverDone)
	return 0
}

// ended reports whether the server has ended by itself, or says no more.
func ended(s Server, serverDone chan struct{}) bool {
	select {
	case <-s.Done():
		return true
	case <-serverDone:
		return true
	default:
		return false
	}
}

// read hands on what one side sends, until it ends.
func (p *Proxy) read(r io.Reader, side string, take func(frame), done chan struct{}) {
	defer close(done)
	f := newFrames(r, p.c.MaxMessage)
	for {
		fr, err := f.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				p.log.Debug("reading ended", "side", side, "error", err)
			}
			return
		}
		take(fr)
	}
}

// watchClient notices that the client has gone while nothing more can be read of it, because the server takes nothing: what
// it sent last waits behind what is held already.
func (p *Proxy) watchClient(clientDone chan struct{}, leave func()) {
	select {
	case <-p.c.Gone:
	case <-p.ctx.Done():
		return
	}
	for last := int64(-1); ; {
		moved := p.up.moved.Load()
		if moved == last {
			leave()
			return
		}
		last = moved
		select {
		case <-time.After(p.c.Grace):
		case <-clientDone:
			return
		case <-p.ctx.Done():
			return
		}
	}
}

// stopServer ends the server after the client has left: what is on its way still goes in, what it says still goes out.
func (p *Proxy) stopServer(s Server, serverDone chan struct{}) {
	start := time.Now()
	p.up.drain(p.c.Grace)
	p.gone.Store(true)
	s.Input().Close()
	s.Stop(max(p.c.Grace-time.Since(start), 0), p.c.Grace)
	p.finish(s, serverDone, "the session ended before the server answered")
}

// serverEnded answers what the server no longer will.
func (p *Proxy) serverEnded(s Server, serverDone chan struct{}) int {
	p.gone.Store(true)
	s.Input().Close()
	s.Stop(p.c.Grace, p.c.Grace) // it may have closed its output and live on
	exit := s.Exit()
	p.log.Info("the server ended", "how", exit.How)
	p.finish(s, serverDone, "the server ended before it answered ("+exit.How+")")
	return exit.Code
}

// finish lets out what the server said last and answers all that is open.
func (p *Proxy) finish(s Server, serverDone chan struct{}, why string) {
	timer := time.NewTimer(flushTime)
	defer timer.Stop()
	select {
	case <-serverDone:
	case <-timer.C: // somebody else holds its output open
	}
	s.Output().Close()
	p.up.drain(flushTime)
	p.down.drain(flushTime)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for _, e := range p.pending.rest() {
			if !p.pending.isDropped(e) {
				p.reply(e.batch, errorAnswer(e.id, codeInternal, why, nil))
			}
		}
	}()
	select {
	case <-answered:
	case <-time.After(flushTime): // the client does not read
	}
}

// reply answers the client, as part of a batch where the request was one.
func (p *Proxy) reply(b *batch, line []byte) {
	if b == nil {
		p.client.send(line)
		return
	}
	if whole := b.answer(line); whole != nil {
		p.client.send(whole)
	}
}

// report writes down what became of a decided request.
func (p *Proxy) report(e *entry, status abi.OutcomeStatus, size int) {
	if !e.governed() {
		return
	}
	o := abi.Outcome{DecisionID: e.verdict.ID, Status: status, Bytes: int64(size)}
	if !e.since.IsZero() {
		o.MS = time.Since(e.since).Milliseconds()
	}
	if err := p.c.Gate.Report(o, e.subject); err != nil {
		p.log.Error("an outcome could not be recorded", "decision", e.verdict.ID, "error", err)
	}
}
