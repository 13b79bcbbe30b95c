package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/internal/redisdb"
	"github.com/wxrollout/wxrollout/internal/redisserver"
)

// checkRedis checks that the server can hold the ledger, keeps it, and agrees on the time.
func (d *Doctor) checkRedis(ctx context.Context) []Result {
	began := d.Now()
	server, err := d.Redis.Time(ctx).Result()
	if err != nil {
		return []Result{fail("redis", err.Error(), "is WXROLLOUT_REDIS_URL right, and the server up?")}
	}
	took := d.Now().Sub(began)
	facts, err := redisserver.Read(ctx, d.Redis)
	if err != nil || len(facts) == 0 {
		return []Result{fail("redis", fmt.Sprintf("its facts can't be read: %v", err), "is WXROLLOUT_REDIS_URL right, and the server up?")}
	}
	results := []Result{
		ok("redis", fmt.Sprintf("%s answers in %s", versions(facts), took.Round(time.Microsecond))),
		checkSkew(server.Sub(began.Add(took / 2))), d.checkClock(ctx, server),
	}
	for _, f := range facts {
		results = append(results, checkPersistence(f))
		for _, fault := range f.Faults(d.Accepted) {
			results = append(results, fail("redis server", fault.Server+": "+fault.What, fault.Next))
		}
		if unknown := f.Unknown(); len(unknown) > 0 {
			results = append(results, warn("redis server", f.Addr+" hides "+strings.Join(unknown, ", "), "WXROLLOUT_REDIS_ACCEPT vouches for it: docs/redis.md"))
		}
	}
	return append(append(results, d.checkCommands(ctx)...), d.checkKeys(ctx))
}

// keysTime bounds the search for keys of the wrong type: the database may hold many keys of other programs.
const keysTime = 5 * time.Second

// checkKeys names the keys that another program made something else.
func (d *Doctor) checkKeys(ctx context.Context) Result {
	const name = "redis keys"
	ctx, cancel := context.WithTimeout(ctx, keysTime)
	defer cancel()
	list, err := redisdb.FindMisplaced(ctx, d.Redis)
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.String()
	}
	switch {
	case len(names) > 0:
		return fail(name, strings.Join(names, "; "), redisdb.Next)
	case err != nil:
		return warn(name, "not all were checked: "+err.Error(), "")
	default:
		return ok(name, "all have their types")
	}
}

// versions names the products and versions of the servers, each once.
func versions(facts []redisserver.Facts) string {
	var out []string
	for _, f := range facts {
		text := "a server that hides its version"
		if f.Version != "" {
			text = f.Product + " version " + f.Version
		}
		if !strings.Contains(strings.Join(out, ", "), text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

// checkCommands runs every command of the scripts once.
func (d *Doctor) checkCommands(ctx context.Context) []Result {
	const name = "redis commands"
	err := redisserver.Probe(ctx, d.Redis, "")
	var unfit *redisserver.UnfitError
	switch {
	case err == nil:
		return []Result{ok(name, "all that scripts need are available, and writes are accepted")}
	case !errors.As(err, &unfit):
		return []Result{fail(name, err.Error(), "")}
	}
	var out []Result
	for _, f := range unfit.Faults {
		out = append(out, fail(name, f.What, f.Next))
	}
	return out
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

// skewMax is how far our clock may be from Redis's: starts and schedules use ours, leases and wakes
// Redis's.
const skewMax = 5 * time.Second

func checkSkew(skew time.Duration) Result {
	if skew.Abs() > skewMax {
		return warn("clock", fmt.Sprintf("Redis's clock is %s off ours", skew.Round(time.Second)), "set both by NTP: starts and schedules go by ours, leases and wakes by Redis's")
	}
	return ok("clock", "Redis's clock agrees with ours")
}

func checkPersistence(f redisserver.Facts) Result {
	const name, hint = "redis append-only file", "set appendonly yes and appendfsync everysec"
	switch {
	case f.AppendOnly == "":
		return warn(name, f.Addr+" doesn't report it", hint)
	case f.AppendOnly != "1":
		return warn(name, "off at "+f.Addr+": a crash of Redis loses everything since its last snapshot", hint)
	case f.AppendOnlyBroken:
		return fail(name, f.Addr+" can't write it", "check Redis's log and disk")
	default:
		return ok(name, "on")
	}
}
