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
	// Failed, if set, is told why a part could not be read; it is counted anyway.
	Failed func(collector string, err error)
}

// Watch registers the gauges: wxrollout_leader of this worker, and those of the
// fleet, which are read at each scrape and only while this worker leads. It
// panics if an option that is needed lacks, or if they are registered already.
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
	for name, p := range map[string]part{
		"targets":     newTargetsPart(o.Source, m.labels),
		"pools":       newPoolsPart(o.Source, m.labels),
		"rates":       newRatesPart(o.Source, m.labels),
		"workers":     newWorkersPart(o.Source, m.labels),
		"schedules":   newSchedulesPart(o.Source, m.labels),
		"credentials": newCredentialsPart(o.Source, m.labels, o.Now),
		"queues":      newQueuesPart(o.Redis, m.labels.Queues),
	} {
		m.reg.MustRegister(&collector{name: name, part: p, o: o, errs: m.collectErrs.WithLabelValues(name)})
	}
}

// emit takes one sample of a part.
type emit func(d *prometheus.Desc, v float64, labels ...string)

// part is a set of gauges that are read together.
type part interface {
	descs() []*prometheus.Desc
	// read emits what it could read and reports what it could not.
	read(ctx context.Context, out emit) error
}

// collector reads a part at each scrape while this worker leads.
type collector struct {
	name string
	part part
	o    WatchOptions
	errs prometheus.Counter
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.part.descs() {
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

// desc describes a gauge.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
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
// if anything is, as Other: a target never vanishes from a sum.
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
