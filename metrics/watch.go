package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DefaultTimeout bounds how long one part of a scrape may take. Prometheus's own
// limit is 10 s.
const DefaultTimeout = 5 * time.Second

// WatchOptions are what the gauges are read from.
type WatchOptions struct {
	// Leader reports whether this worker is the one that leads. Needed.
	Leader func() bool
	// Source is read while this worker is the leader. Needed.
	Source Source
	// Redis holds the Asynq queues. Needed.
	Redis Pipeliner
	// Now is the clock of ages; nil means time.Now.
	Now func() time.Time
	// Timeout bounds each part of a scrape; 0 means DefaultTimeout.
	Timeout time.Duration
	// Failed, if set, receives why a part could not be read; it is counted in any case.
	Failed func(collector string, err error)
}

// Watch registers the gauges: wxrollout_leader of this worker, and those of the
// fleet, which are read at each scrape and only while this worker leads. It
// panics if a needed option is missing, or if they are registered already.
func (m *Metrics) Watch(o WatchOptions) {
	if o.Leader == nil || o.Source == nil || o.Redis == nil {
		panic(errors.New("metrics: Watch needs Leader, Source and Redis"))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "wxrollout_leader", Help: "1 if this worker leads, else 0. Exactly one worker should.",
	}, func() float64 { return flag(o.Leader()) }))
	for name, p := range map[string]*part{
		"targets":     targetsPart(o.Source, m.labels),
		"rollouts":    rolloutsPart(o.Source, m.labels),
		"pools":       poolsPart(o.Source, m.labels),
		"rates":       ratesPart(o.Source, m.labels),
		"workers":     workersPart(o.Source, m.labels),
		"schedules":   schedulesPart(o.Source),
		"credentials": credentialsPart(o.Source, m.labels, o.Now),
		"queues":      queuesPart(o.Redis, m.labels.Queues),
	} {
		m.reg.MustRegister(&collector{name: name, part: p, o: o, errs: m.collectErrs.WithLabelValues(name)})
	}
}

// collector reads a part at each scrape while this worker leads.
type collector struct {
	name string
	part *part
	o    WatchOptions
	errs prometheus.Counter
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.part.gauges {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	if !c.o.Leader() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.o.Timeout)
	defer cancel()
	err := c.part.read(ctx, func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	})
	if err == nil {
		return
	}
	c.errs.Inc()
	if c.o.Failed != nil {
		c.o.Failed(c.name, err)
	}
}

// flag is 1 for true.
func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// seconds is a time as Prometheus writes it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// emitAll emits a value for all of a set, and the sum of what is outside of it,
// if anything is, as Other, so that sums stay complete.
func emitAll(out emit, d *prometheus.Desc, s Set, counts map[string]int) {
	for _, v := range s {
		out(d, float64(counts[v]), v)
	}
	rest := 0
	for v, n := range counts {
		if s.of(v) == Other {
			rest += n
		}
	}
	if rest != 0 {
		out(d, float64(rest), Other)
	}
}
