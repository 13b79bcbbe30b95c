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
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/pool"
)

// Timing bounds assignments and holds the waits of outcomes. The zero value stands for the defaults.
type Timing struct {
	// Lease is how long an assignment lasts after each save. Default 60 s.
	Lease time.Duration
	// Assignment bounds one run of a handler; shorter than Lease by at least the longest call.
	// Default 40 s.
	Assignment time.Duration
	classify.Waits
}

// WithDefaults fills the zero fields.
func (t Timing) WithDefaults() Timing {
	if t.Lease <= 0 {
		t.Lease = time.Minute
	}
	if t.Assignment <= 0 {
		t.Assignment = 40 * time.Second
	}
	t.Waits = t.Waits.WithDefaults()
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
	// Breaker, if set, sees every call: see [pool.Breaker.Saw]. The default sees only the errors of the
	// handler.
	Breaker *pool.Breaker
	// Seed makes the jitter repeatable; 0 seeds from the clock.
	Seed uint64
	// Now is the clock of this process. Default time.Now.
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
	now       func() processTime

	mu    sync.Mutex
	rnd   *rand.Rand
	plans map[planKey]parsedPlan // immutable once stored; see planCacheMax

	breaker *pool.Breaker
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
		o.Breaker = pool.NewBreaker()
	}
	seed := o.Seed
	if seed == 0 {
		seed = uint64(o.Now().UnixNano())
	}
	return &Handler{
		wx: o.WeChat, ledger: o.Ledger, permits: o.Permits, appConfig: o.AppConfig, log: o.Log,
		timing: o.Timing.WithDefaults(), hooks: o.Hooks, now: func() processTime { return processTime{o.Now()} },
		rnd:   rand.New(rand.NewPCG(seed, seed)),
		plans: make(map[planKey]parsedPlan), breaker: o.Breaker,
	}
}

// Run acts on one assignment. Nil means that the task is done, whatever happened to the target; a
// *queue.Again asks for another delivery; any other error means that the ledger was unreachable, and
// the lease brings the assignment back.
func (h *Handler) Run(ctx context.Context, assignment rollout.Assignment) (err error) {
	asked := h.now()
	started, err := h.ledger.Start(ctx, assignment, h.timing.Lease)
	if errors.As(err, new(*rollout.StaleError)) {
		h.dropped(assignment.Stage, "stale")
		return nil
	}
	if err != nil {
		return err
	}
	r := &run{
		h: h, assignment: assignment, t: started.Target.NotAfter(started.Now), started: started, deadline: asked.add(h.timing.Assignment),
		clock: clock{server: serverTime{started.Now}, process: h.now(), read: h.now},
	}
	defer func() {
		if p := recover(); p != nil {
			err = r.caught(p)
		}
	}()
	r.enter()
	r.permit.lost = r.t.Intent != nil && !assignment.Permit
	d := delivery{r, started.Status}
	if started.Fault {
		return d.conclude(ctx, r.facts().Unbegun("a fault of the platform stands"))
	}
	return d.through(ctx)
}

// actor acts on the outcomes of a run.
func (h *Handler) actor(r *run) actor {
	return actor{run: r, wx: h.wx, store: h.ledger, pools: h.permits}
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
		return p, &classify.PlanError{Err: fmt.Errorf("parse the ext template: %w", err)}
	}
	if p.configs, err = appconfig.Parse(p.plan.Configure); err != nil {
		return p, &classify.PlanError{Err: fmt.Errorf("parse the app configuration: %w", err)}
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

// random is a number in [0, n) of the handler's random source.
func (h *Handler) random(n int64) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rnd.Int64N(n)
}
