package host

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"agentmesh/host/api"
	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/mcp"
	"agentmesh/pdk/abi"
)

// metrics counts what passes by, from outside: each part is wrapped, and none knows of it. No label names an agent, a
// tool or a path, whose number grows without bound and which are nobody's business.
type metrics struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	deciding  prometheus.Histogram
	entries   *prometheus.CounterVec
	appending prometheus.Histogram
	loads     *prometheus.CounterVec
	broken    prometheus.Gauge
	judges    prometheus.Gauge
	requests  *prometheus.HistogramVec
	results   *prometheus.CounterVec
}

// fast are the bounds of durations that are microseconds when all is well, in seconds.
func fast() []float64 { return prometheus.ExponentialBuckets(5e-6, 2, 18) }

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentmesh_decisions_total", Help: "Verdicts given, by decision and code.",
		}, []string{"decision", "code"}),
		deciding: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "agentmesh_decision_duration_seconds", Help: "From request to recorded verdict.", Buckets: fast(),
		}),
		entries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentmesh_ledger_entries_total", Help: "Entries offered to the ledger, by kind and whether it took them.",
		}, []string{"kind", "result"}),
		appending: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "agentmesh_ledger_append_duration_seconds", Help: "Until an entry was durable.", Buckets: fast(),
		}),
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentmesh_rules_loads_total", Help: "Loads of the rule folders, by result.",
		}, []string{"result"}),
		broken: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "agentmesh_rules_broken", Help: "1 while the rules on disk do not load and the last good ones decide.",
		}),
		judges: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "agentmesh_judges", Help: "Judges in force.",
		}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "agentmesh_api_request_duration_seconds", Help: "HTTP requests, by route and status.", Buckets: fast(),
		}, []string{"route", "status"}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentmesh_results_found_total", Help: "What was found in results of tools, by what was done about it and kind.",
		}, []string{"done", "kind"}),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.decisions, m.deciding, m.entries, m.appending, m.loads, m.broken, m.judges, m.requests, m.results,
	)
	return m
}

// gauge adds a figure that is read when somebody asks for it.
func (m *metrics) gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// decide wraps the gate.
func (m *metrics) decide(next api.Decide) api.Decide {
	return func(ctx context.Context, q *abi.Request) abi.Verdict {
		start := time.Now()
		v := next(ctx, q)
		m.deciding.Observe(time.Since(start).Seconds())
		m.decisions.WithLabelValues(v.Decision.String(), string(v.Code)).Inc()
		return v
	}
}

// meteredGate wraps the gate that proxies ask.
type meteredGate struct {
	mcp.Gate
	metrics *metrics
}

// Decide is the verdict on an action.
func (g meteredGate) Decide(ctx context.Context, c *gate.Call) abi.Verdict {
	start := time.Now()
	v := g.Gate.Decide(ctx, c)
	g.metrics.deciding.Observe(time.Since(start).Seconds())
	g.metrics.decisions.WithLabelValues(v.Decision.String(), string(v.Code)).Inc()
	return v
}

// found counts what treating a result found.
func (m *metrics) found(r mcp.ResultReport) {
	for done, kinds := range map[string]map[string]int{"removed": r.Removed, "masked": r.Masked} {
		for kind, n := range kinds {
			m.results.WithLabelValues(done, kind).Add(float64(n))
		}
	}
	for _, kind := range r.Flagged {
		m.results.WithLabelValues("flagged", kind).Inc()
	}
	if r.Withheld {
		m.results.WithLabelValues("withheld", "").Inc()
	}
}

// loaded counts one load of the rules.
func (m *metrics) loaded(judges int, err error) {
	if err != nil {
		m.loads.WithLabelValues("failed").Inc()
		m.broken.Set(1)
		return
	}
	m.loads.WithLabelValues("ok").Inc()
	m.broken.Set(0)
	m.judges.Set(float64(judges))
}

// api wraps an HTTP handler. The route is the pattern that took the request, never the path, which the client chooses.
func (m *metrics) api(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(s, r)
		route := r.Pattern
		if route == "" {
			route = "none"
		}
		m.requests.WithLabelValues(route, strconv.Itoa(s.status)).Observe(time.Since(start).Seconds())
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status on its way.
func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// meteredLedger wraps the ledger that the gate writes to.
type meteredLedger struct {
	log     *ledger.Ledger
	metrics *metrics
}

var _ gate.Ledger = meteredLedger{}

// Append writes an entry and waits until it is durable.
func (l meteredLedger) Append(ctx context.Context, e ledger.Entry) (ledger.ID, error) {
	start := time.Now()
	id, err := l.log.Append(ctx, e)
	l.metrics.appending.Observe(time.Since(start).Seconds())
	l.count(e.Kind, err)
	return id, err
}

// AppendAsync queues an entry.
func (l meteredLedger) AppendAsync(e ledger.Entry) error {
	err := l.log.AppendAsync(e)
	l.count(e.Kind, err)
	return err
}

func (l meteredLedger) count(kind string, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	l.metrics.entries.WithLabelValues(kind, result).Inc()
}
