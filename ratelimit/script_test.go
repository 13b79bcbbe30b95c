package ratelimit

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// everyOperation runs each script once.
func everyOperation(ctx context.Context, rdb redis.Scripter, name string) map[string]error {
	th := NewThrottle(rdb, name, Rate{Permits: 10})
	q := NewQuota(rdb, name, QuotaOptions{})
	l := NewLease(rdb, name, "me", time.Minute)
	return map[string]error{
		"throttle take":  second(th.Take(ctx, 1)),
		"throttle slow":  second(th.Slow(ctx)),
		"throttle state": second(th.State(ctx)),
		"quota take":     second(q.Take(ctx, Ask{}, []string{"a"})),
		"quota holds":    second(q.Holds(ctx, "a")),
		"quota settle":   q.Settle(ctx, "a", true),
		"quota close":    q.Close(ctx, "85085", 0),
		"quota refill":   q.Refill(ctx, Reading{Rest: 1}),
		"quota open":     q.Open(ctx),
		"quota explain":  second(q.Explain(ctx, Ask{Pool: "a", Shares: map[string]int64{"b": 1}})),
		"quota refused":  second(q.Refused(ctx, Refusal{App: "a"})),
		"quota shares":   q.SetShares(ctx, map[string]int64{"a": 1}),
		"quota failed":   q.ReadFailed(ctx, "x"),
		"quota begin":    second(q.BeginReading(ctx)),
		"quota state":    second(q.State(ctx)),
		"lease acquire":  third(l.Acquire(ctx)),
		"lease renew":    second(l.Renew(ctx)),
		"lease holder":   third(l.Holder(ctx)),
		"lease release":  l.Release(ctx),
	}
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }

// On a cluster a script whose keys do not share a slot is refused.
func TestCluster(t *testing.T) {
	t.Parallel()
	rdb := redistest.Cluster(t)
	for _, name := range []string{"plain", "with {braces}", "}", "{}", ""} {
		for op, err := range everyOperation(t.Context(), rdb, name) {
			if err != nil {
				t.Errorf("%s of %q: %v", op, name, err)
			}
		}
	}
}

// A Redis that does not answer is an error of every operation, and says what
// was being done.
func TestErrors(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	o := srv.Options()
	o.MaxRetries, o.DialerRetries = -1, 1
	rdb := redis.NewClient(o)
	defer func() { _ = rdb.Close() }()
	srv.Kill()
	for op, err := range everyOperation(t.Context(), rdb, "some-name") {
		if err == nil || !strings.Contains(err.Error(), "some-name") {
			t.Errorf("%s on a dead Redis: %v, want an error that names the limiter", op, err)
		}
	}
}

// A key of another type is Redis's error, kept in the chain.
func TestForeignKey(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		for _, keys := range [][]string{throttleKey("x"), quotaKeys("x")[:1], leaseKey("x")} {
			if err := rdb.Set(t.Context(), keys[0], "foreign", 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
		for op, err := range everyOperation(t.Context(), rdb, "x") {
			var re redis.Error
			if !errors.As(err, &re) {
				t.Errorf("%s: %v, want Redis's own error in the chain", op, err)
			}
		}
	})
}

// What a script must not do, because Redis and miniredis then disagree or a
// cluster refuses it; and what it must say.
func TestScriptSources(t *testing.T) {
	t.Parallel()
	rules := []struct {
		name string
		bad  *regexp.Regexp
	}{
		{"tostring loses digits of big numbers on Redis", regexp.MustCompile(`\btostring\b`)},
		{"libraries that only Redis has", regexp.MustCompile(`\b(struct|bit|cjson|cmsgpack)\.`)},
		{"a key that is not in KEYS", regexp.MustCompile(`redis\.p?call\("[A-Z]+", [^K]`)},
		{"randomness", regexp.MustCompile(`math\.random`)},
	}
	files, err := fs.Glob(sources, "*.lua")
	if err != nil || len(files) < 16 {
		t.Fatalf("embedded scripts: %v, %v", files, err)
	}
	for _, f := range files {
		b, err := sources.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		src := string(b)
		if !strings.HasPrefix(src, "-- ") {
			t.Errorf("%s: it begins without saying what it does", f)
		}
		if !slices.Contains([]string{"throttle.lua", "quota.lua", "quota_ask.lua"}, f) && !strings.Contains(src, "-- Returns {") {
			t.Errorf("%s: it does not say what it returns", f)
		}
		for _, r := range rules {
			if m := r.bad.FindString(src); m != "" {
				t.Errorf("%s: %q: %s", f, m, r.name)
			}
		}
	}
}

// Different limiters never share a key, with any names.
func TestKeysAreDistinct(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, name := range []string{"x", "x}", "x}:permits", "{x", "", "}", ":permits", "}:permits"} {
		for kind, keys := range map[string][]string{
			"throttle": throttleKey(name), "quota": quotaKeys(name), "lease": leaseKey(name),
		} {
			for _, k := range keys {
				if other, ok := seen[k]; ok {
					t.Errorf("%s %q and %s share the key %s", kind, name, other, k)
				}
				seen[k] = kind + " " + name
			}
		}
	}
}
