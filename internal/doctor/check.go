package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
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
	results = append(results, d.checkCredentials(ctx)...)
	results = append(results, d.checkWeChat(ctx, appID)...)
	results = append(results, d.checkFault(ctx), d.checkWorkers(ctx), d.checkQueues(ctx))
	return append(results, d.checkPool(ctx)...)
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

func (d *Doctor) checkRedis(ctx context.Context) []Result {
	began := d.Now()
	server, err := d.Redis.Time(ctx).Result()
	if err != nil {
		return []Result{fail("redis", err.Error(), "is WXROLLOUT_REDIS_URL right, and the server up?")}
	}
	took := d.Now().Sub(began)
	info := d.redisInfo(ctx)
	return []Result{
		ok("redis", fmt.Sprintf("version %s answers in %s", cmp.Or(info["redis_version"], "unknown"), took.Round(time.Microsecond))),
		checkSkew(server.Sub(began.Add(took / 2))), d.checkClock(ctx, server), checkPersistence(info), d.checkServer(ctx),
	}
}

// clockStepShown is how long a step back of Redis's clock is a warning.
const clockStepShown = 7 * 24 * time.Hour

// checkClock reports the last time that Redis's clock stepped back.
func (d *Doctor) checkClock(ctx context.Context, now time.Time) Result {
	const name = "redis clock"
	s, stepped, err := d.Ledger.LastClockStep(ctx)
	switch {
	case err != nil:
		return fail(name, err.Error(), "")
	case !stepped:
		return ok(name, "never stepped back")
	}
	detail := fmt.Sprintf("the Redis clock stepped back by %s at %s; leases and wakes were brought near", s.Back.Round(time.Second), s.At.UTC().Format(time.RFC3339))
	if s.Steps > 1 {
		detail += fmt.Sprintf("; %d steps in all", s.Steps)
	}
	if now.Sub(s.At) < clockStepShown {
		return warn(name, detail, "set the clocks of all Redis servers by NTP, replicas too")
	}
	return ok(name, detail)
}

// redisInfo is the reply to INFO; empty from a server that doesn't implement it.
func (d *Doctor) redisInfo(ctx context.Context) map[string]string {
	info := make(map[string]string)
	text, err := d.Redis.Info(ctx).Result()
	if err != nil {
		return info
	}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[key] = value
		}
	}
	return info
}

// skewMax is how far our clock may be from Redis's: starts and schedules use ours, leases and wakes
// Redis's.
const skewMax = 5 * time.Second

func checkSkew(skew time.Duration) Result {
	if skew.Abs() > skewMax {
		return warn("clock", fmt.Sprintf("Redis's clock is %s off ours", skew.Round(time.Second)), "set both by NTP: starts and schedules go by ours, leases and wakes by Redis's")
	}
	return ok("clock", "Redis's clock agrees with ours")
}

func checkPersistence(info map[string]string) Result {
	const name, hint = "redis append-only file", "set appendonly yes and appendfsync everysec"
	switch {
	case info["aof_enabled"] == "":
		return warn(name, "the server doesn't report it", hint)
	case info["aof_enabled"] != "1":
		return warn(name, "off: a crash of Redis loses everything since its last snapshot", hint)
	case info["aof_last_write_status"] == "err" || info["aof_last_bgrewrite_status"] == "err":
		return fail(name, "Redis can't write it", "check Redis's log and disk")
	default:
		return ok(name, "on")
	}
}

// checkServer checks the settings of Redis that would lose targets.
func (d *Doctor) checkServer(ctx context.Context) Result {
	const name = "redis maxmemory-policy"
	err := ledger.CheckServer(ctx, d.Redis)
	var unfit *ledger.ServerError
	switch {
	case err == nil:
		return ok(name, "noeviction")
	case errors.As(err, &unfit):
		return fail(name, fmt.Sprintf("%s is %q, want %q", unfit.Setting, unfit.Value, unfit.Want), unfit.Hint)
	default:
		return warn(name, err.Error(), "")
	}
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

// checkPool reports a closed submit pool, an unread quota, and rollouts that wait for quota.
func (d *Doctor) checkPool(ctx context.Context) []Result {
	const name = "submit pool"
	p, err := d.Quota.Pool(ctx, rollout.StageSubmit)
	if err != nil {
		return []Result{fail(name, err.Error(), "")}
	}
	results := []Result{ok(name, "open")}
	if !p.Open() {
		results[0] = warn(name, p.State+": "+p.Words, "it opens automatically; enqueue quota open overrides")
		if !p.RetryAt.IsZero() {
			results[0].Detail += "; tried again at " + p.RetryAt.Format(time.RFC3339)
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
