// Package operatortest has the bench of tests of use cases, and moves their rollouts: the real
// controller on the real ledger, with a worker that does as the test says instead
// of calling WeChat.
//
// It must never be imported by product code.
//
//	w := operatortest.New(l)
//	w.Answer("wx...", rollout.StageVerdict, operatortest.Rejected("no login page"))
//	err := w.Work(ctx) // until nothing moves
package operatortest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
)

// Reply computes the result of an assignment that began at now.
type Reply func(now time.Time) rollout.Event

// Worker works off every assignment at once. It is safe for concurrent use.
type Worker struct {
	ledger     *ledger.Ledger
	controller *dispatch.Controller

	mu      sync.Mutex
	answers map[string]Reply // "appid stage", used once
	audits  int64
}

// New makes a worker on a ledger.
func New(l *ledger.Ledger) *Worker {
	w := &Worker{ledger: l, answers: make(map[string]Reply)}
	w.controller = dispatch.New(l, w, openPools{}, clock{}, dispatch.Options{Lease: lease})
	return w
}

// lease is long: no test waits for one to end.
const lease = time.Hour

// name is the worker's in the ledger.
const name = "operatortest"

// Answer sets the result of an app's next assignment at a stage; without it, the assignment
// succeeds. The app "*" is the next one without a separate answer.
func (w *Worker) Answer(appID string, s rollout.Stage, r Reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[appID+" "+string(s)] = r
}

// Work lets everything move that can, and then leaves.
func (w *Worker) Work(ctx context.Context) error {
	capacity := map[rollout.QueueName]int{rollout.QueueCommit: 100, rollout.QueueAudit: 100, rollout.QueueRelease: 100}
	if err := w.ledger.Heartbeat(ctx, name, capacity, lease); err != nil {
		return err
	}
	for range 10_000 {
		p, err := w.controller.Reconcile(ctx)
		if err != nil {
			return err
		}
		if !p.Moved() {
			return w.ledger.Leave(ctx, name)
		}
	}
	return fmt.Errorf("the rollouts don't come to rest")
}

// Enqueue implements dispatch.Queue.
func (w *Worker) Enqueue(ctx context.Context, assignments []rollout.Assignment) error {
	for _, assignment := range assignments {
		started, err := w.ledger.Start(ctx, assignment, lease)
		if err != nil {
			return err
		}
		next, err := rollout.Step(started.Target, w.reply(assignment, started))
		if err != nil {
			return err
		}
		if _, err := w.ledger.Save(ctx, started.Target, next, rollout.SaveOptions{Lease: lease}); err != nil {
			return err
		}
	}
	return nil
}

// reply computes the result of an assignment.
func (w *Worker) reply(assignment rollout.Assignment, s rollout.Started) rollout.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, app := range []string{assignment.AppID, "*"} {
		key := app + " " + string(assignment.Stage)
		if r, ok := w.answers[key]; ok {
			delete(w.answers, key)
			return r(s.Now)
		}
	}
	if assignment.Stage == rollout.StageRelease {
		return rollout.Finished{At: s.Now, End: rollout.StateReleased}
	}
	if assignment.Stage == rollout.StageUndo {
		return rollout.Finished{At: s.Now, End: rollout.StateUndone, Note: "version 1.0.0 is live"}
	}
	w.audits++
	return rollout.Advanced{At: s.Now, AuditID: 1000 + w.audits}
}

// openPools never run dry.
type openPools struct{}

func (openPools) Allowances(context.Context) (map[rollout.Stage]rollout.Allowance, error) {
	all := make(map[rollout.Stage]rollout.Allowance)
	for _, s := range rollout.Stages() {
		all[s] = rollout.Allowance{N: rollout.Unlimited}
	}
	return all, nil
}

func (openPools) Take(_ context.Context, r rollout.TakeRequest) (rollout.Taken, error) {
	return rollout.Taken{Granted: r.IDs}, nil
}

func (openPools) Return(context.Context, rollout.Stage, []string) error { return nil }

// clock is the machine's.
type clock struct{}

func (clock) Now() time.Time { return time.Now() }

// Rejected is the audit's refusal.
func Rejected(text string) Reply {
	return func(now time.Time) rollout.Event {
		return rollout.Rejected{At: now, LastError: rollout.LastError{Stage: rollout.StageVerdict, Class: "rejected", Text: text, Screenshots: "media1|media2", At: now}}
	}
}

// Failed is an errcode that waiting doesn't fix.
func Failed(s rollout.Stage, class string, code int64, text string) Reply {
	return func(now time.Time) rollout.Event {
		return rollout.Failed{At: now, LastError: rollout.LastError{Stage: s, Class: class, Code: code, RID: "rid-1", Text: text, At: now}}
	}
}

// Parked waits for a reason, an errcode's if code isn't 0.
func Parked(s rollout.Stage, r rollout.Reason, code int64, text string) Reply {
	return func(now time.Time) rollout.Event {
		e := rollout.Waited{At: now, Reason: r, For: time.Hour, Note: text}
		if code != 0 {
			e.LastError = &rollout.LastError{Stage: s, Class: "fatal-app", Code: code, RID: "rid-2", Text: text, At: now}
		}
		return e
	}
}

// Ended is a good end before the release stage.
func Ended(state rollout.State, note string) Reply {
	return func(now time.Time) rollout.Event { return rollout.Finished{At: now, End: state, Note: note} }
}
