package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
)

// Level is how bad a check's result is.
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
	// Credentials says that the platform's own credentials are at fault.
	Credentials bool `json:"credentials,omitempty"`
}

// skewMax is how far our clock may be from Redis's before Check warns: starts and
// schedules go by ours, leases and wakes by Redis's.
const skewMax = 5 * time.Second

// Check looks at everything a rollout needs: Redis, the platform's credentials,
// the IP allow-list, the quota, the template library and the workers. It changes
// nothing. Every fault is a Result, and the rest is still looked at.
func (o *Operator) Check(ctx context.Context, appID string) []Result {
	results := o.checkRedis(ctx)
	results = append(results, o.CheckCredentials(ctx)...)
	results = append(results, o.checkWeChat(ctx, appID)...)
	return append(append(results, o.checkFault(ctx), o.checkWorkers(ctx), o.checkQueues(ctx)), o.checkPool(ctx)...)
}

// checkQueues names the Asynq queues that somebody paused.
func (o *Operator) checkQueues(ctx context.Context) Result {
	const name = "queues"
	paused, err := queue.PausedQueues(ctx, o.rdb)
	switch {
	case err != nil:
		return Result{Name: name, Level: LevelFail, Detail: err.Error()}
	case len(paused) == 0:
		return Result{Name: name, Level: LevelOK, Detail: "none is paused"}
	}
	var what, next []string
	for _, p := range paused {
		what, next = append(what, p.String()), append(next, p.Next())
	}
	return Result{Name: name, Level: LevelFail, Detail: strings.Join(what, "; "), Hint: strings.Join(next, "; ")}
}

func (o *Operator) checkRedis(ctx context.Context) []Result {
	began := o.now()
	server, err := o.rdb.Time(ctx).Result()
	if err != nil {
		return []Result{{Name: "redis", Level: LevelFail, Detail: err.Error(), Hint: "is WXROLLOUT_REDIS_URL right, and the server up?"}}
	}
	took := o.now().Sub(began)
	info := redisInfo(ctx, o)
	results := []Result{{Name: "redis", Level: LevelOK, Detail: fmt.Sprintf("version %s answers in %s", orUnknown(info["redis_version"]), took.Round(time.Microsecond))}}
	results = append(results, checkSkew(server.Sub(began.Add(took/2))), o.checkClock(ctx, server), checkPersistence(info), o.checkServer(ctx))
	return results
}

// clockStepShown is how long a step back of Redis's clock is a warning.
const clockStepShown = 7 * 24 * time.Hour

// checkClock tells of the last time that Redis's clock stepped back.
func (o *Operator) checkClock(ctx context.Context, now time.Time) Result {
	const name = "redis clock"
	s, ok, err := o.ledger.LastClockStep(ctx)
	switch {
	case err != nil:
		return Result{Name: name, Level: LevelFail, Detail: err.Error()}
	case !ok:
		return Result{Name: name, Level: LevelOK, Detail: "never stepped back"}
	}
	r := Result{
		Name: name, Level: LevelOK,
		Detail: fmt.Sprintf("the Redis clock stepped back by %s at %s; leases and wakes were brought near", s.Back.Round(time.Second), s.At.UTC().Format(time.RFC3339)),
	}
	if s.Steps > 1 {
		r.Detail += fmt.Sprintf("; %d steps in all", s.Steps)
	}
	if now.Sub(s.At) < clockStepShown {
		r.Level, r.Hint = LevelWarn, "set the clocks of all Redis servers by NTP, replicas too"
	}
	return r
}

// redisInfo is the answer to INFO; empty from a server that doesn't know it.
func redisInfo(ctx context.Context, o *Operator) map[string]string {
	info := make(map[string]string)
	text, err := o.rdb.Info(ctx).Result()
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

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func checkSkew(skew time.Duration) Result {
	if skew.Abs() > skewMax {
		return Result{Name: "clock", Level: LevelWarn, Detail: fmt.Sprintf("Redis's clock is %s off ours", skew.Round(time.Second)), Hint: "set both by NTP: starts and schedules go by ours, leases and wakes by Redis's"}
	}
	return Result{Name: "clock", Level: LevelOK, Detail: "Redis's clock agrees with ours"}
}

func checkPersistence(info map[string]string) Result {
	r := Result{Name: "redis append-only file", Level: LevelOK, Detail: "on"}
	switch {
	case info["aof_enabled"] == "":
		r.Level, r.Detail = LevelWarn, "the server doesn't say"
	case info["aof_enabled"] != "1":
		r.Level, r.Detail = LevelWarn, "off: a crash of Redis loses everything since its last snapshot"
	case info["aof_last_write_status"] == "err" || info["aof_last_bgrewrite_status"] == "err":
		r.Level, r.Detail, r.Hint = LevelFail, "Redis can't write it", "look at Redis's log and disk"
		return r
	default:
		return r
	}
	r.Hint = "set appendonly yes and appendfsync everysec"
	return r
}

// checkServer asks for the settings that would lose targets.
func (o *Operator) checkServer(ctx context.Context) Result {
	const name = "redis maxmemory-policy"
	err := ledger.CheckServer(ctx, o.rdb)
	var unfit *ledger.ServerError
	switch {
	case err == nil:
		return Result{Name: name, Level: LevelOK, Detail: "noeviction"}
	case errors.As(err, &unfit):
		return Result{Name: name, Level: LevelFail, Detail: fmt.Sprintf("%s is %q, want %q", unfit.Setting, unfit.Value, unfit.Want), Hint: unfit.Hint}
	default:
		return Result{Name: name, Level: LevelWarn, Detail: err.Error()}
	}
}

func (o *Operator) checkWorkers(ctx context.Context) Result {
	const name = "workers"
	capacity, err := o.ledger.Capacity(ctx)
	if err != nil {
		return Result{Name: name, Level: LevelFail, Detail: err.Error()}
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
		return Result{Name: name, Level: LevelFail, Detail: "none is alive", Hint: "start cmd/worker with the same Redis"}
	case len(lack) > 0:
		return Result{Name: name, Level: LevelFail, Detail: "none serves the queues " + strings.Join(lack, ", "), Hint: "start a worker whose concurrency there is above 0"}
	default:
		return Result{Name: name, Level: LevelOK, Detail: "concurrency " + strings.Join(have, ", ")}
	}
}
