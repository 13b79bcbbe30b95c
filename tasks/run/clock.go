package run

import (
	"context"
	"time"
)

// serverTime is a moment on the clock of Redis. Everything stored goes by it: events, targets, leases
// and wakes.
type serverTime struct{ t time.Time }

// ProcessTime is a moment on the clock of this process, which may be minutes off. It measures what
// has passed, and bounds calls.
type ProcessTime struct{ T time.Time }

// Add is the moment after d.
func (t ProcessTime) Add(d time.Duration) ProcessTime { return ProcessTime{t.T.Add(d)} }

// Sub is the time since another moment.
func (t ProcessTime) Sub(since ProcessTime) time.Duration { return t.T.Sub(since.T) }

// Bound ends a context at t.
func (t ProcessTime) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(ctx, t.T)
}

// Passed reports whether the deadline of a context has passed by now: an expired context is not
// always canceled at once.
func (t ProcessTime) Passed(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !t.T.Before(deadline)
}

// clock follows the clock of Redis through that of the process: from one moment that both have read.
type clock struct {
	server  serverTime
	process ProcessTime // then or later
	read    func() ProcessTime
}

func (c clock) now() serverTime { return serverTime{c.server.t.Add(c.read().Sub(c.process))} }
