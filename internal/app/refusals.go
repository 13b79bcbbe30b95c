package app

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// refusedEvery limits the log lines and the writes about callbacks that are refused for one reason.
const refusedEvery = time.Minute

// refusals logs and stores refused callbacks: the first of each reason at once, the others by the minute.
type refusals struct {
	log   zerolog.Logger
	count func(reason string) // the metric
	store *registry.Refusals
	do    func(job func(context.Context)) error

	mu      sync.Mutex
	pending map[string]int64     // by reason, since it was last reported
	last    map[string]time.Time // when it was reported
}

func newRefusals(log zerolog.Logger, count func(string), store *registry.Refusals, do func(func(context.Context)) error) *refusals {
	return &refusals{log: log, count: count, store: store, do: do, pending: make(map[string]int64), last: make(map[string]time.Time)}
}

// note records a callback that was refused at a path.
func (r *refusals) note(path, reason string) {
	r.count(reason)
	if reason == callback.ReasonReplay { // WeChat repeats what it believes lost
		return
	}
	now := time.Now()
	r.mu.Lock()
	r.pending[reason]++
	n := r.pending[reason]
	due := now.Sub(r.last[reason]) >= refusedEvery
	if due {
		r.last[reason], r.pending[reason] = now, 0
	}
	r.mu.Unlock()
	if !due {
		return
	}
	r.log.Warn().Str("reason", reason).Str("path", path).Int64("count", n).Str("next", callback.Fix(reason)).Msg("callbacks refused")
	err := r.do(func(ctx context.Context) {
		if err := r.store.Add(ctx, registry.Refusal{Reason: reason, Count: n, Last: now, Path: path}); err != nil {
			r.log.Warn().Err(err).Msg("refused callbacks not stored")
		}
	})
	if err != nil { // the next report includes them
		r.mu.Lock()
		r.pending[reason] += n
		r.mu.Unlock()
	}
}
