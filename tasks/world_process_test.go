package tasks

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// process is one delivery of an assignment in some worker. It runs in a goroutine, but
// only while the world waits for it: it stops before and after each thing that
// others could see, and goes on when it is reported to.
type process struct {
	w          *world
	name       string
	assignment rollout.Assignment
	attempt    int // of the target, when it began
	at         point
	deadline   time.Time // of the call whose answer is awaited
	over       bool
	err        error

	cancel  context.CancelFunc
	stopped chan point
	goOn    chan order
}

// kind says where a process can stop.
type kind int

const (
	writing  kind = iota // before a script of the ledger
	written              // after it
	sending              // before a call is sent
	replying             // WeChat acted; the answer is on its way
	ended
)

// point is where a process stands.
type point struct {
	kind kind
	name string
	op   rollout.Op // of a call that must not be repeated blindly
}

// order is how a process goes on.
type order struct {
	kill  bool
	reply reply
	delay time.Duration // of replyLate
}

// reply is what becomes of a call, or its errcode.
type reply int64

const (
	replyOK          reply = 0
	replyNotSent     reply = 1 // no connection
	replyLostBefore  reply = 2 // it never arrived, and the outcome is unknown
	replyLostAfter   reply = 3 // it took effect, and the outcome is unknown
	replyLate        reply = 4 // the outcome is unknown, and it takes effect later
	replyRunsAlready reply = 5 // it took effect, and the answer is 9402202
	replyCode        reply = 6 // an errcode to be drawn
)

func (r reply) String() string {
	switch r {
	case replyOK:
		return "ok"
	case replyNotSent:
		return "not sent"
	case replyLostBefore:
		return "lost on its way"
	case replyLostAfter:
		return "its answer is lost"
	case replyLate:
		return "lost, takes effect later"
	case replyRunsAlready:
		return "takes effect, answers 9402202"
	default:
		return fmt.Sprintf("errcode %d", int64(r))
	}
}

// reaches reports whether WeChat gets the call.
func (o order) reaches() bool { return o.reply != replyNotSent && o.reply != replyLostBefore }

// spawn delivers an assignment to a worker; the process stops at its first point.
func (w *world) spawn(assignment rollout.Assignment) *process {
	w.born++
	p := &process{
		w: w, assignment: assignment, name: fmt.Sprintf("p%d(%s %s %s)", w.born, assignment.Rollout, assignment.AppID, assignment.Stage),
		stopped: make(chan point), goOn: make(chan order),
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	h := NewHandler(HandlerOptions{
		WeChat: wire{p}, AppConfig: conf{wire: wire{p}}, Ledger: disk{p}, Permits: w.pools, Log: zerolog.Nop(), Seed: 1, Now: w.skewed,
	})
	w.live = append(w.live, p)
	go func() {
		defer func() { p.stopped <- point{kind: ended} }()
		p.err = h.Run(ctx, assignment)
	}()
	p.wait()
	return p
}

// stop waits for the world's order. A killed process runs no line more but its
// deferred ones, as if the machine had gone.
func (p *process) stop(at point) order {
	p.stopped <- at
	o := <-p.goOn
	if o.kill {
		runtime.Goexit()
	}
	return o
}

// wait is the world's side: until the process stops again.
func (p *process) wait() {
	p.at = <-p.stopped
	if p.at.kind != ended {
		return
	}
	p.over = true
	p.cancel()
	p.w.died(p)
}

// proceed lets the process go to its next point.
func (p *process) proceed(o order) {
	p.goOn <- o
	p.wait()
}

// expired is why a context would have ended on the world's clock.
func (p *process) expired(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !p.w.skewed().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// disk is a process's way to the ledger.
type disk struct {
	*process
}

var _ Ledger = disk{}

var errNoRedis = errors.New("no connection to Redis")

// script runs one script of the ledger as the process is reported to.
func script[T any](p *process, name string, do func(*ledger.Ledger) (T, error)) (T, error) {
	o := p.stop(point{kind: writing, name: name})
	if o.reply == replyLostBefore {
		return *new(T), errNoRedis
	}
	v, err := do(p.w.ledger)
	p.stop(point{kind: written, name: name})
	if o.reply == replyLostAfter {
		return *new(T), errNoRedis
	}
	return v, err
}

func (d disk) Start(ctx context.Context, t rollout.Assignment, lease time.Duration) (rollout.Started, error) {
	s, err := script(d.process, "start", func(l *ledger.Ledger) (rollout.Started, error) { return l.Start(ctx, t, lease) })
	d.attempt = s.Target.Attempt
	return s, err
}

func (d disk) Save(ctx context.Context, was, next rollout.Target, o rollout.SaveOptions) (rollout.Target, error) {
	name := "save"
	if o.Call {
		name = "save the intent"
	}
	return script(d.process, name, func(l *ledger.Ledger) (rollout.Target, error) {
		saved, err := l.Save(ctx, was, next, o)
		if err == nil {
			d.w.believed(d.process, next)
		}
		if err == nil && o.Call {
			d.w.begun(d.process, next.Stage)
		}
		return saved, err
	})
}

func (d disk) Plan(ctx context.Context, id string, revision int) (rollout.Plan, error) {
	return d.w.ledger.Plan(ctx, id, revision)
}

func (d disk) Rollout(ctx context.Context, id string) (rollout.Rollout, error) {
	return d.w.ledger.Rollout(ctx, id)
}

func (d disk) Pause(ctx context.Context, id, by, why string) error {
	_, err := script(d.process, "pause", func(l *ledger.Ledger) (struct{}, error) { return struct{}{}, l.Pause(ctx, id, by, why) })
	return err
}

func (d disk) NotePlatformFault(ctx context.Context, f rollout.PlatformFault, app string) (rollout.FaultReport, error) {
	return script(d.process, "note a fault of the platform", func(l *ledger.Ledger) (rollout.FaultReport, error) {
		return l.NotePlatformFault(ctx, f, app)
	})
}
