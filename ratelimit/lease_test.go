package ratelimit

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

func TestLease(t *testing.T) {
	t.Parallel()
	const ttl = 10 * time.Second
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		start := rdb.Time(ctx).Val()
		leases := map[string]*Lease{}
		for _, h := range []string{"a", "b"} {
			leases[h] = NewLease(rdb, "controller", h, ttl)
		}
		var last int64 // highest fence so far
		steps := []struct {
			name     string
			after    time.Duration
			who, act string
			ok       bool
			newFence bool
			holder   string
			until    time.Duration // after start, of the one who holds it
		}{
			{"free", 0, "a", "acquire", true, true, "a", ttl},
			{"taken", 0, "b", "acquire", false, false, "a", ttl},
			{"own again keeps the fence", time.Second, "a", "acquire", true, false, "a", ttl + time.Second},
			{"renew", time.Second, "a", "renew", true, false, "a", ttl + 2*time.Second},
			{"renew another's", 0, "b", "renew", false, false, "a", ttl + 2*time.Second},
			{"release another's", 0, "b", "release", true, false, "a", ttl + 2*time.Second},
			{"not yet lapsed", ttl - time.Millisecond, "b", "acquire", false, false, "a", ttl + 2*time.Second},
			{"a dead holder's comes back", time.Millisecond, "b", "acquire", true, true, "b", 2*ttl + 2*time.Second},
			{"the old holder notices", 0, "a", "renew", false, false, "b", 2*ttl + 2*time.Second},
			{"release", 0, "b", "release", true, false, "", 0},
			{"renew a released one", 0, "b", "renew", false, false, "", 0},
			{"at the same instant, a higher fence", 0, "b", "acquire", true, true, "b", 2*ttl + 2*time.Second},
			{"lapsed and wanted by no other", ttl, "b", "renew", false, false, "", 0},
			{"its own after lapsing is a new holding", 0, "b", "acquire", true, true, "b", 3*ttl + 2*time.Second},
		}
		for _, s := range steps {
			advance(s.after)
			l := leases[s.who]
			ok, err := true, error(nil)
			switch s.act {
			case "acquire":
				var h Held
				h, ok, err = l.Acquire(ctx)
				if grew := h.Fence > last; grew != s.newFence || h.Fence < last {
					t.Errorf("%s: fence %d after %d, want a new one: %v", s.name, h.Fence, last, s.newFence)
				}
				if got := h.Until.Sub(start); got != s.until {
					t.Errorf("%s: until %v after the start, want %v", s.name, got, s.until)
				}
				last = max(last, h.Fence)
			case "renew":
				ok, err = l.Renew(ctx)
			case "release":
				err = l.Release(ctx)
			}
			if err != nil || ok != s.ok {
				t.Errorf("%s: %v, %v; want %v", s.name, ok, err, s.ok)
			}
			holder, until, err := l.Holder(ctx)
			if err != nil || holder != s.holder {
				t.Errorf("%s: holder %q, %v; want %q", s.name, holder, err, s.holder)
			}
			if holder != "" && until.Sub(start) != s.until {
				t.Errorf("%s: held until %v after the start, want %v", s.name, until.Sub(start), s.until)
			}
		}
	})
}

// Fences grow when Redis lost the key, and when its clock was set back.
func TestLeaseFenceSurvives(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		l := NewLease(rdb, "x", "a", time.Second)
		acquire := func() int64 {
			t.Helper()
			h, ok, err := l.Acquire(ctx)
			if err != nil || !ok {
				t.Fatalf("acquire: %v, %v", ok, err)
			}
			return h.Fence
		}
		first := acquire()
		if err := rdb.Del(ctx, l.keys...).Err(); err != nil {
			t.Fatal(err)
		}
		advance(time.Microsecond)
		second := acquire()
		if second <= first {
			t.Errorf("after losing the key: fence %d, was %d", second, first)
		}
		if err := l.Release(ctx); err != nil {
			t.Fatal(err)
		}
		advance(-time.Hour)
		if third := acquire(); third <= second {
			t.Errorf("after the clock was set back: fence %d, was %d", third, second)
		}
	})
}

// The fence is remembered for a day after the lease lapsed, and then nothing
// is left.
func TestLeaseKeyExpires(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		l := NewLease(rdb, "x", "a", time.Minute)
		for name, touch := range map[string]func() error{
			"acquire": func() error { return third(l.Acquire(ctx)) },
			"renew":   func() error { return errors.Join(third(l.Acquire(ctx)), second(l.Renew(ctx))) },
		} {
			if err := touch(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			advance(fenceMemory)
			if n := rdb.Exists(ctx, l.keys...).Val(); n != 1 {
				t.Errorf("%s: the fence is forgotten too early", name)
			}
			advance(time.Minute)
			if n := rdb.Exists(ctx, l.keys...).Val(); n != 0 {
				t.Errorf("%s: the key is still there", name)
			}
		}
	})
}

func TestNewLeasePanics(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, holder string
		ttl          time.Duration
	}{{"no holder", "", time.Second}, {"no ttl", "a", 0}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("NewLease took it")
				}
			}()
			NewLease(nil, "x", tc.holder, tc.ttl)
		})
	}
}
