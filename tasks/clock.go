package tasks

import (
	"context"
	"time"
)

// serverTime is a moment on the clock of Redis. Everything stored goes by it: events, targets, leases
// and wakes.
type serverTime struct{ t time.Time }

// processTime is a moment on the clock of this process, which may be minutes off. It measures what
// has passed, and bounds calls.
type processTime struct{ t time.Time }

func (t processTime) add(d time.Duration) processTime     { return processTime{t.t.Add(d)} }
func (t processTime) sub(since processTime) time.Duration { return t.t.Sub(since.t) }

// bound ends a context at t.
func (t processTime) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(ctx, t.t)
}

// passed reports whether the deadline of a context has passed by now: an expired context is not
// always canceled at once.
func (t processTime) passed(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !t.t.Before(deadline)
}

// clock follows the clock of Redis through that of the process: from one moment that both have read.
type clock struct {
	server  serverTime
	process processTime // then or later
	read    func() processTime
}

func (c clock) now() serverTime { return serverTime{c.server.t.Add(c.read().sub(c.process))} }
