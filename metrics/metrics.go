package metrics

import (
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics holds a worker's counters. Its methods may be called from any goroutine.
type Metrics struct {
	reg    prometheus.Registerer
	labels Labels

	transitions *prometheus.CounterVec
	dropped     *prometheus.CounterVec
	verdicts    *prometheus.CounterVec
	calls       *prometheus.CounterVec
	errcodes    *prometheus.CounterVec
	latency     *prometheus.HistogramVec
	closings    *prometheus.CounterVec
	passes      *prometheus.CounterVec
	claimed     prometheus.Counter
	woken       prometheus.Counter
	expired     prometheus.Counter
	callbacks   *prometheus.CounterVec
	renewals    *prometheus.CounterVec
	build       *prometheus.GaugeVec
	collectErrs *prometheus.CounterVec
}

// callBuckets are for one HTTP exchange: a quick read takes some 30 ms, an
// upload a second, and the default time limit is 15 s.
var callBuckets = []float64{0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30}

// New registers the counters with reg, each at 0 for all values of its labels. It
// panics if reg has them already.
func New(reg prometheus.Registerer, labels Labels) *Metrics {
	auto := promauto.With(reg)
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &Metrics{
		reg: reg, labels: labels.withOwn(),
		transitions: counters("wxrollout_transitions_total",
			"Events that ended an assignment, by stage and by the state they led to.", "stage", "event", "state"),
		dropped: counters("wxrollout_tasks_dropped_total",
			"Tasks that were not run, or whose outcome the ledger refused.", "stage", "why"),
		verdicts: counters("wxrollout_verdicts_total", "Audit verdicts read from WeChat.", "verdict"),
		calls: counters("wxrollout_wechat_requests_total",
			"HTTP exchanges with WeChat, by the class of the answer.", "endpoint", "class"),
		errcodes: counters("wxrollout_wechat_errcodes_total",
			"Answers of WeChat with an errcode; other is every code that the table lacks.", "code"),
		latency: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wxrollout_wechat_request_duration_seconds", Buckets: callBuckets,
			Help: "Time of one HTTP exchange with WeChat, from sending to the last byte read.",
		}, []string{"endpoint"}),
		closings: counters("wxrollout_pool_closings_total",
			"Refusals that closed a stage's pool, by errcode; one closing may have several.", "stage", "reason"),
		passes:    counters("wxrollout_controller_passes_total", "Passes of the controller, by result.", "result"),
		claimed:   counter("wxrollout_controller_assignments_total", "Assignments that the controller handed out."),
		woken:     counter("wxrollout_controller_woken_total", "Parked targets that the controller woke in time."),
		expired:   counter("wxrollout_controller_expired_total", "Assignments taken back because their lease ran out: their worker died or stalled."),
		callbacks: counters("wxrollout_callbacks_total", "Callbacks of WeChat; a refused one has the type none.", "type", "result"),
		renewals: counters("wxrollout_token_renewals_total",
			"Requests for a new token, to WeChat or to a token service, by result.", "token", "result"),
		collectErrs: counters("wxrollout_collect_errors_total", "Scrapes at which a part of the gauges could not be read.", "collector"),
		build: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "wxrollout_build_info", Help: "The running version; always 1.",
		}, []string{"version", "revision", "goversion"}),
	}
	m.zero()
	return m
}

// zero makes every series that a counter can have.
func (m *Metrics) zero() {
	for _, stage := range m.labels.Stages {
		for event, to := range outcomes {
			for _, state := range to {
				m.transitions.WithLabelValues(stage, event, state)
			}
		}
		for _, why := range dropped {
			m.dropped.WithLabelValues(stage, why)
		}
		for _, reason := range m.labels.Closings {
			m.closings.WithLabelValues(stage, reason)
		}
	}
	m.dropped.WithLabelValues("none", "payload")
	for _, endpoint := range m.labels.Endpoints {
		m.latency.WithLabelValues(endpoint)
		for _, class := range m.labels.Classes {
			m.calls.WithLabelValues(endpoint, class)
		}
	}
	for _, reason := range m.labels.Refusals {
		m.callbacks.WithLabelValues("none", reason)
	}
	for _, kind := range m.labels.Callbacks {
		m.callbacks.WithLabelValues(kind, "accepted")
	}
	for _, token := range tokens {
		for _, result := range m.labels.Renewals {
			m.renewals.WithLabelValues(token, result)
		}
	}
	for vec, values := range map[*prometheus.CounterVec]Set{
		m.verdicts: verdicts, m.errcodes: watchedCodes, m.passes: results, m.collectErrs: collectors,
	} {
		for _, v := range values {
			vec.WithLabelValues(v)
		}
	}
}

// Build exports the version and the commit it was built from.
func (m *Metrics) Build(version, revision string) {
	m.build.Reset()
	m.build.WithLabelValues(version, revision, runtime.Version()).Set(1)
}

// Transition counts a target that an event took from a stage to a state.
func (m *Metrics) Transition(stage, event, state string) {
	to, known := outcomes[event]
	if !known {
		event = Other
	}
	m.transitions.WithLabelValues(m.labels.Stages.of(stage), event, to.of(state)).Inc()
}

// Dropped counts a task without effect: stale (another assignment was given),
// lost (its outcome was refused), payload (unreadable, then stage is none) or
// acting (another worker handles it).
func (m *Metrics) Dropped(stage, why string) {
	if stage != "none" {
		stage = m.labels.Stages.of(stage)
	}
	m.dropped.WithLabelValues(stage, dropped.of(why)).Inc()
}

// Verdict counts an audit's end: passed, rejected or withdrawn.
func (m *Metrics) Verdict(verdict string) { m.verdicts.WithLabelValues(verdicts.of(verdict)).Inc() }

// Call counts one HTTP exchange with WeChat. class is the errcode's class, or
// [ClassNotSent]; "" means [ClassNoAnswer]. code is 0 without an errcode.
func (m *Metrics) Call(endpoint, class string, code int64, took time.Duration) {
	if class == "" {
		class = ClassNoAnswer
	}
	endpoint, class = m.labels.Endpoints.of(endpoint), m.labels.Classes.of(class)
	m.calls.WithLabelValues(endpoint, class).Inc()
	m.latency.WithLabelValues(endpoint).Observe(took.Seconds())
	if code != 0 {
		m.errcodes.WithLabelValues(codeLabel(class, code)).Inc()
	}
}

// codeLabel is bounded: WeChat may answer with any number, and only codes of the errcode table get a
// label.
func codeLabel(class string, code int64) string {
	switch class {
	case "unknown", ClassNotSent, ClassNoAnswer, Other:
		return Other
	default:
		return strconv.FormatInt(code, 10)
	}
}

// PoolClosed counts a refusal that closed a stage's pool. reason is the errcode.
func (m *Metrics) PoolClosed(stage, reason string) {
	m.closings.WithLabelValues(m.labels.Stages.of(stage), m.labels.Closings.of(reason)).Inc()
}

// Pass is what one pass of the controller did.
type Pass struct {
	// Woken, Expired, Claimed and Changed are as in the controller's progress.
	Woken, Expired, Claimed, Changed int
	// Failed reports that it met an error; what it did is counted too.
	Failed bool
}

// Passed counts a pass of the controller.
func (m *Metrics) Passed(p Pass) {
	result := "idle"
	switch {
	case p.Failed:
		result = "error"
	case p.Woken+p.Expired+p.Claimed+p.Changed > 0:
		result = "moved"
	}
	m.passes.WithLabelValues(result).Inc()
	m.woken.Add(float64(max(0, p.Woken)))
	m.expired.Add(float64(max(0, p.Expired)))
	m.claimed.Add(float64(max(0, p.Claimed)))
}

// CallbackAccepted counts a callback that was handled; kind is WeChat's name of it.
func (m *Metrics) CallbackAccepted(kind string) {
	m.callbacks.WithLabelValues(m.labels.Callbacks.of(kind), "accepted").Inc()
}

// CallbackRefused counts a callback that was refused, by the callback handler's reason.
func (m *Metrics) CallbackRefused(reason string) {
	m.callbacks.WithLabelValues("none", m.labels.Refusals.of(reason)).Inc()
}

// TokenRenewed counts a request for a new token, of the component or an app, by its result: ok,
// busy, merchant (who has to authorize again) or platform (whose own credentials are at fault).
func (m *Metrics) TokenRenewed(token, result string) {
	m.renewals.WithLabelValues(tokens.of(token), m.labels.Renewals.of(result)).Inc()
}
