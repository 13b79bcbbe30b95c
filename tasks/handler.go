package tasks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
)

// Timing holds the waits of the handlers. The zero value is for WeChat as it is;
// a simulator with short delays wants shorter ones.
type Timing struct {
	// Lease is how long an assignment lasts after each save. Default 60 s.
	Lease time.Duration
	// Assignment bounds one run of a handler; shorter than Lease by at least the
	// longest call. Default 40 s.
	Assignment time.Duration
	// Busy spaces busy replies; after BusyTries in a row at a stage the target is
	// parked for BusyPark. Defaults 2 s..60 s, 6, 5 min.
	Busy      Backoff
	BusyTries int
	BusyPark  time.Duration
	// OutageProbe spaces the probes of a stage at which WeChat answers no app. Default 15 s.
	OutageProbe time.Duration
	// Settle is how long after a lost reply a read-back that finds nothing may be
	// believed. WeChat advises one minute. Default 65 s.
	Settle time.Duration
	// Privacy and PrivacyMax space the polls of the privacy detection. Defaults 60 s, 10 min.
	Privacy, PrivacyMax time.Duration
	// Verdict and VerdictMax space the polls of an audit. Defaults 2 min, 30 min.
	Verdict, VerdictMax time.Duration
	// InAudit spaces the looks at another version's audit. Default 30 min.
	InAudit time.Duration
	// Throttle is the wait of one throttled app without a rule of its own. Default 10 min.
	Throttle time.Duration
	// Overlap is the wait after a read that WeChat refused because an earlier operation
	// on the app still runs (9402202, 9402205). A write so refused is read back after
	// Settle. Default 5 s.
	Overlap time.Duration
	// Merchant spaces the looks at an app that waits for its merchant. Default 6 h.
	Merchant time.Duration
}

// WithDefaults fills what is zero.
func (t Timing) WithDefaults() Timing {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&t.Lease, time.Minute)
	def(&t.Assignment, 40*time.Second)
	def(&t.Busy.Base, 2*time.Second)
	def(&t.Busy.Cap, time.Minute)
	def(&t.BusyPark, 5*time.Minute)
	def(&t.OutageProbe, 15*time.Second)
	def(&t.Settle, 65*time.Second)
	def(&t.Privacy, time.Minute)
	def(&t.PrivacyMax, 10*time.Minute)
	def(&t.Verdict, 2*time.Minute)
	def(&t.VerdictMax, 30*time.Minute)
	def(&t.InAudit, 30*time.Minute)
	def(&t.Throttle, 10*time.Minute)
	def(&t.Overlap, 5*time.Second)
	def(&t.Merchant, 6*time.Hour)
	if t.BusyTries <= 0 {
		t.BusyTries = 6
	}
	return t
}

// HandlerOptions are what a handler works with. All but AppConfig, Timing, Hooks, Breaker,
// Seed and Now are required.
type HandlerOptions struct {
	WeChat  WeChat
	Ledger  Ledger
	Permits Permits
	// AppConfig makes the calls about app configuration; nil refuses plans that have some.
	AppConfig appconfig.Client
	Log       zerolog.Logger
	Timing    Timing
	Hooks     Hooks
	// Breaker, if set, sees every call: see [Breaker.Saw]. Default one that sees what the handler's
	// errors tell.
	Breaker *Breaker
	// Seed makes the jitter repeatable; 0 seeds from the clock.
	Seed uint64
	// Now is this process's clock, by which a run knows how long it has lasted.
	// Default time.Now.
	Now func() time.Time
}

// Handler runs assignments.
type Handler struct {
	wx        WeChat
	ledger    Ledger
	permits   Permits
	appConfig appconfig.Client
	log       zerolog.Logger
	timing    Timing
	hooks     Hooks
	now       func() time.Time

	mu    sync.Mutex
	rnd   *rand.Rand
	plans map[planKey]parsedPlan // immutable once stored; see planCacheMax

	breaker *Breaker
}

// parsedPlan is a plan revision with its templates parsed.
type parsedPlan struct {
	plan    rollout.Plan
	ext     *extjson.Template
	configs *appconfig.Template // nil if the plan has none
}

type planKey struct {
	rollout  string
	revision int
}

// NewHandler makes a handler.
func NewHandler(o HandlerOptions) *Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Breaker == nil {
		o.Breaker = NewBreaker()
	}
	seed := o.Seed
	if seed == 0 {
		seed = uint64(o.Now().UnixNano())
	}
	return &Handler{
		wx: o.WeChat, ledger: o.Ledger, permits: o.Permits, appConfig: o.AppConfig, log: o.Log,
		timing: o.Timing.WithDefaults(), hooks: o.Hooks, now: o.Now,
		rnd:   rand.New(rand.NewPCG(seed, seed)),
		plans: make(map[planKey]parsedPlan), breaker: o.Breaker,
	}
}

// Run acts on one assignment. Nil means the task is done with, whatever became of the
// target; an *again error asks for another delivery; any other error means that
// the ledger could not be reached and the lease will bring the assignment back.
func (h *Handler) Run(ctx context.Context, assignment rollout.Assignment) (err error) {
	asked := h.now()
	started, err := h.ledger.Start(ctx, assignment, h.timing.Lease)
	if stale := (*rollout.StaleError)(nil); errors.As(err, &stale) {
		h.dropped(assignment.Stage, "stale")
		return nil
	}
	if err != nil {
		return err
	}
	r := &run{
		Handler: h, assignment: assignment, t: started.Target.NotAfter(started.Now), deadline: asked.Add(h.timing.Assignment),
		began: started.Now, begun: h.now(), released: started.ReleaseApproved, created: started.Created, releases: started.Releases,
	}
	defer func() {
		if p := recover(); p != nil {
			err = r.caught(p)
		}
	}()
	r.enter()
	r.lost = r.t.Intent != nil && !assignment.Permit
	if started.Fault {
		return r.conclude(ctx, r.unbegun("a fault of the platform stands"))
	}
	event := r.decide(ctx, started.Status)
	for r.goesOn(ctx, event) {
		if ok, err := r.pass(ctx, event.(rollout.Advanced)); !ok {
			return err
		}
		event = r.decide(ctx, started.Status)
	}
	return r.conclude(ctx, event)
}

func (h *Handler) dropped(stage rollout.Stage, why string) {
	if h.hooks.Dropped != nil {
		h.hooks.Dropped(stage, why)
	}
}

// readPlan reads a plan revision and parses its templates, once per process.
func (h *Handler) readPlan(ctx context.Context, id string, revision int) (parsedPlan, error) {
	key := planKey{id, revision}
	h.mu.Lock()
	p, ok := h.plans[key]
	h.mu.Unlock()
	if ok {
		return p, nil
	}
	var err error
	if p.plan, err = h.ledger.Plan(ctx, id, revision); err != nil {
		return p, err
	}
	if p.ext, err = extjson.Parse(p.plan.Ext); err != nil {
		return p, &planError{fmt.Errorf("parse the ext template: %w", err)}
	}
	if p.configs, err = appconfig.Parse(p.plan.Configure); err != nil {
		return p, &planError{fmt.Errorf("parse the app configuration: %w", err)}
	}
	const planCacheMax = 256
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.plans) >= planCacheMax {
		clear(h.plans)
	}
	h.plans[key] = p
	return p, nil
}

// jitter draws from the handler's random source.
func (h *Handler) jitter(f func(*rand.Rand) time.Duration) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return f(h.rnd)
}
