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
	"github.com/wxrollout/wxrollout/tasks/run"
)

type (
	// Timing bounds assignments.
	Timing = run.Timing
	// Hooks observe the handlers.
	Hooks = run.Hooks
	// Seen is what a handler read of an app.
	Seen = run.Seen
)

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
	wx      WeChat
	ledger  Ledger
	permits Permits
	env     *run.Env
	breaker *pool.Breaker

	mu    sync.Mutex
	rnd   *rand.Rand
	plans map[planKey]run.Parsed // immutable once stored; see planCacheMax
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
	h := &Handler{
		wx: o.WeChat, ledger: o.Ledger, permits: o.Permits, breaker: o.Breaker,
		rnd: rand.New(rand.NewPCG(seed, seed)), plans: make(map[planKey]run.Parsed),
	}
	h.env = &run.Env{
		Store: o.Ledger, Permits: o.Permits, AppConfig: o.AppConfig, Timing: o.Timing.WithDefaults(), Hooks: o.Hooks, Log: o.Log,
		Random: h.random, Clock: func() run.ProcessTime { return run.ProcessTime{T: o.Now()} },
	}
	return h
}

// Run acts on one assignment. Nil means that the task is done, with any result for the target; a
// *queue.Again asks for another delivery; any other error means that the ledger was unreachable, and
// the lease brings the assignment back.
func (h *Handler) Run(ctx context.Context, assignment rollout.Assignment) (err error) {
	asked := h.env.Clock()
	started, err := h.ledger.Start(ctx, assignment, h.env.Timing.Lease)
	if errors.As(err, new(*rollout.StaleError)) {
		h.dropped(assignment.Stage, "stale")
		return nil
	}
	if err != nil {
		return err
	}
	r := run.New(h.env, assignment, started, asked)
	defer func() {
		if p := recover(); p != nil {
			err = caught(r, p)
		}
	}()
	d := delivery{r, h, started.Status}
	if started.Fault {
		return d.conclude(ctx, r.Facts().Unbegun("a fault of the platform is active"))
	}
	return d.through(ctx)
}

// actor acts on the outcomes of a run.
func (h *Handler) actor(r *run.Run) actor {
	return actor{Run: r, h: h, wx: h.wx, store: h.ledger, pools: h.permits}
}

func (h *Handler) dropped(stage rollout.Stage, why string) {
	if h.env.Hooks.Dropped != nil {
		h.env.Hooks.Dropped(stage, why)
	}
}

// readPlan reads a plan revision and parses its templates, once per process.
func (h *Handler) readPlan(ctx context.Context, id string, revision int) (run.Parsed, error) {
	key := planKey{id, revision}
	h.mu.Lock()
	p, ok := h.plans[key]
	h.mu.Unlock()
	if ok {
		return p, nil
	}
	var err error
	if p.Plan, err = h.ledger.Plan(ctx, id, revision); err != nil {
		return p, err
	}
	if p.Ext, err = extjson.Parse(p.Plan.Ext); err != nil {
		return p, &classify.PlanError{Err: fmt.Errorf("parse the ext template: %w", err)}
	}
	if p.Configs, err = appconfig.Parse(p.Plan.Configure); err != nil {
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
