package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
)

// Level is the severity of a result.
type Level string

// The levels.
const (
	LevelOK   Level = "ok"
	LevelWarn Level = "warn"
	LevelFail Level = "fail"
)

// Result is what one check found.
type Result struct {
	Name   string `json:"name"`
	Level  Level  `json:"level"`
	Detail string `json:"detail"`
	// Hint is what to do; "" for nothing.
	Hint string `json:"hint,omitempty"`
	// Credentials reports that the platform's own credentials are at fault.
	Credentials bool `json:"credentials,omitempty"`
}

func ok(name, detail string) Result { return Result{Name: name, Level: LevelOK, Detail: detail} }

func warn(name, detail, hint string) Result {
	return Result{Name: name, Level: LevelWarn, Detail: detail, Hint: hint}
}

func fail(name, detail, hint string) Result {
	return Result{Name: name, Level: LevelFail, Detail: detail, Hint: hint}
}

// Check checks everything that rollouts need, without changing anything. A fault is a Result and
// does not end the check. appID is the app to ask WeChat through; "" takes any.
func (d *Doctor) Check(ctx context.Context, appID string) []Result {
	results := d.checkRedis(ctx)
	results = append(append(results, d.checkCredentials(ctx)...), d.checkCallbacks(ctx)...)
	results = append(results, d.checkWeChat(ctx, appID)...)
	results = append(results, d.checkFault(ctx), d.checkWorkers(ctx), d.checkQueues(ctx))
	return append(results, d.checkPool(ctx)...)
}

// CheckStores checks what a worker needs before it starts: Redis, and that the sealing key opens the stored
// values.
func (d *Doctor) CheckStores(ctx context.Context) []Result {
	results := d.checkRedis(ctx)
	if d.Credentials != nil {
		results = append(results, d.checkSeals(ctx))
	}
	return results
}

// checkQueues names the paused Asynq queues.
func (d *Doctor) checkQueues(ctx context.Context) Result {
	const name = "queues"
	paused, err := queue.PausedQueues(ctx, d.Redis)
	switch {
	case err != nil:
		return fail(name, err.Error(), "")
	case len(paused) == 0:
		return ok(name, "none is paused")
	}
	var what, next []string
	for _, p := range paused {
		what, next = append(what, p.String()), append(next, p.Next())
	}
	return fail(name, strings.Join(what, "; "), strings.Join(next, "; "))
}

func (d *Doctor) checkWorkers(ctx context.Context) Result {
	const name = "workers"
	capacity, err := d.Ledger.Capacity(ctx)
	if err != nil {
		return fail(name, err.Error(), "")
	}
	var have, lack []string
	for _, queueName := range rollout.QueueNames() {
		if n := capacity[queueName]; n > 0 {
			have = append(have, fmt.Sprintf("%s %d", queueName, n))
		} else {
			lack = append(lack, string(queueName))
		}
	}
	switch {
	case len(have) == 0:
		return fail(name, "none is alive", "start cmd/worker with the same Redis")
	case len(lack) > 0:
		return fail(name, "none serves the queues "+strings.Join(lack, ", "), "start a worker whose concurrency there is above 0")
	default:
		return ok(name, "concurrency "+strings.Join(have, ", "))
	}
}

// checkFault reports a fault of the platform.
func (d *Doctor) checkFault(ctx context.Context) Result {
	const name = "platform"
	f, err := d.Ledger.PlatformFault(ctx)
	switch {
	case err != nil:
		return fail(name, err.Error(), "")
	case f == nil:
		return ok(name, "the workers met no fault of the platform")
	}
	r := fail(name, view.Fault(*f), view.FaultNext(*f))
	r.Credentials = true
	return r
}

// closed reports a pool that is closed for every app.
func closed(name string, p quota.Pool) Result {
	r := warn(name, p.State+": "+p.Words, "it opens automatically; enqueue quota open overrides")
	if !p.RetryAt.IsZero() {
		r.Detail += "; tried again at " + p.RetryAt.Format(time.RFC3339)
	}
	return r
}

// checkPool reports closed pools, an unread quota, and rollouts that wait for quota.
func (d *Doctor) checkPool(ctx context.Context) []Result {
	const name = "submit pool"
	p, err := d.Quota.Pool(ctx, rollout.StageSubmit)
	if err != nil {
		return []Result{fail(name, err.Error(), "")}
	}
	results := []Result{ok(name, "open")}
	if !p.Open() {
		results[0] = closed(name, p)
	}
	pools, err := d.Quota.Pools(ctx)
	if err != nil {
		return append(results, fail("pools of the stages", err.Error(), ""))
	}
	for _, p := range pools {
		if p.Stage != rollout.StageSubmit && !p.Open() {
			results = append(results, closed(string(p.Stage)+" pool", p))
		}
	}
	b, err := d.Quota.Books(ctx)
	if err != nil {
		return append(results, fail("quota books", err.Error(), ""))
	}
	if b.Unread != "" {
		results = append(results, warn("quota reading", "not read since "+b.UnreadSince.Format(time.RFC3339)+": "+b.Unread,
			"nothing above what is known to be left is submitted until queryquota answers"))
	}
	for _, w := range b.Waiting {
		if w.Limit != nil {
			results = append(results, warn("quota of "+w.Rollout, w.Limit.String(), quota.LimitNext(w.Limit)))
		}
	}
	return results
}
