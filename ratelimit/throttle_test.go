package ratelimit

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// throttleRig runs a throttle in virtual time and says what it answers.
type throttleRig struct {
	t       *testing.T
	th      *Throttle
	rdb     redis.UniversalClient
	start   time.Time
	advance func(time.Duration)
}

// throttleOp is one step of a table: it acts and says what came of it.
type throttleOp func(r *throttleRig) string

func take(want int) throttleOp {
	return func(r *throttleRig) string {
		g, err := r.th.Take(r.t.Context(), want)
		if err != nil {
			return err.Error()
		}
		s := fmt.Sprint(g.Granted)
		if g.RetryAfter != 0 {
			s += " retry " + g.RetryAfter.String()
		}
		return s
	}
}

func slow(r *throttleRig) string {
	f, err := r.th.Slow(r.t.Context())
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%g/64", f*64)
}

func throttled(r *throttleRig) string {
	s, err := r.th.State(r.t.Context())
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("free %d at %g/64", s.Free, s.Factor*64)
}

// said is an error as a word, "ok" if there is none.
func said(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	type step struct {
		after time.Duration
		op    throttleOp
		want  string
	}
	ten := Rate{Permits: 10, Per: time.Second, Burst: 3} // one per 100 ms
	cases := []struct {
		name  string
		rate  Rate
		steps []step
	}{
		{"burst, then the rate", ten, []step{
			{0, throttled, "free 3 at 64/64"},
			{0, take(2), "2"},
			{0, take(5), "1 retry 100ms"},
			{0, take(1), "0 retry 100ms"},
			{40 * ms, take(1), "0 retry 60ms"},
			{60 * ms, take(1), "1"},
			{250 * ms, take(5), "2 retry 50ms"},
			{time.Hour, take(5), "3 retry 100ms"},
		}},
		{"asking for none", ten, []step{{0, take(0), "0"}, {0, take(-1), "0"}, {0, throttled, "free 3 at 64/64"}}},
		{"a rate that does not divide rounds in the platform's favor", Rate{Permits: 3, Per: time.Second, Burst: 1}, []step{
			{0, take(1), "1"},
			{333333 * time.Microsecond, take(1), "0 retry 1µs"},
			{time.Microsecond, take(1), "1"},
			{666666 * time.Microsecond, take(1), "1"}, // back on a whole second
		}},
		{"default burst is 100 ms worth", Rate{Permits: 50}, []step{{0, take(9), "5 retry 20ms"}}},
		{"default burst is at least one", Rate{Permits: 2, Per: time.Minute}, []step{{0, take(9), "1 retry 30s"}}},
		{"one burst of busy replies halves once", ten, []step{
			{0, slow, "32/64"},
			{999 * ms, slow, "32/64"},
			{ms, slow, "16/64"},
			{0, throttled, "free 3 at 16/64"},
		}},
		{"a cut hands out no new permits", ten, []step{
			{0, take(3), "3"},
			{0, slow, "32/64"},
			{0, take(1), "0 retry 200ms"},
			{200 * ms, take(2), "1 retry 200ms"},
		}},
		{"the floor is 1/64", ten, []step{
			{0, slow, "32/64"}, {time.Second, slow, "16/64"}, {time.Second, slow, "8/64"},
			{time.Second, slow, "4/64"}, {time.Second, slow, "2/64"}, {time.Second, slow, "1/64"},
			{time.Second, slow, "1/64"},
			{0, take(9), "3 retry 6.4s"},
		}},
		{"it climbs by 1/16 per 10 s", ten, []step{
			{0, slow, "32/64"},
			{9999 * ms, throttled, "free 3 at 32/64"},
			{ms, throttled, "free 3 at 36/64"},
			{10 * time.Second, slow, "20/64"}, // from 40
			{100 * time.Second, throttled, "free 3 at 60/64"},
			{10 * time.Second, throttled, "free 3 at 64/64"},
			{time.Hour, slow, "32/64"},
		}},
		{"the climb goes on though permits are taken", ten, []step{
			{0, slow, "32/64"},
			{10 * time.Second, take(1), "1"},
			{10 * time.Second, take(1), "1"},
			{0, throttled, "free 2 at 40/64"},
		}},
		{"a clock set back costs one interval, not the hour", ten, []step{
			{0, take(3), "3"},
			{-time.Hour, take(1), "0 retry 100ms"},
			{100 * ms, take(1), "1"},
		}},
		{"a clock set back does not slow further", ten, []step{
			{0, slow, "32/64"},
			{-time.Hour, throttled, "free 0 at 32/64"}, // owes at most a burst
			{0, slow, "32/64"},                         // as soon after the first as without the step
			{1200 * ms, throttled, "free 3 at 32/64"},
			{0, slow, "16/64"},
		}},
		{"a clock set back does not keep the rate cut", ten, []step{
			{0, slow, "32/64"},
			{-8 * time.Hour, take(1), "0 retry 200ms"},
			{20 * time.Second, throttled, "free 3 at 40/64"},
		}},
	}
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		for _, tc := range cases {
			r := &throttleRig{
				t: t, rdb: rdb, advance: advance, start: rdb.Time(t.Context()).Val(),
				th: NewThrottle(rdb, tc.name, tc.rate),
			}
			for i, s := range tc.steps {
				advance(s.after)
				if diff := cmp.Diff(s.want, s.op(r)); diff != "" {
					t.Errorf("%s, step %d (-want +got):\n%s", tc.name, i, diff)
				}
			}
		}
	})
}

// A throttle without a rate learns one when it is slowed; a part has its own and
// the whole's.
func TestThrottleWithoutRate(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	type step struct {
		after time.Duration
		part  bool // the op is the part's, not the whole's
		op    throttleOp
		want  string
	}
	passes := func(want, passed int) throttleOp {
		return func(r *throttleRig) string {
			g, err := r.th.take(r.t.Context(), want, passed)
			if err != nil {
				return err.Error()
			}
			return fmt.Sprintf("%d retry %v step %v", g.Granted, g.RetryAfter, g.Step)
		}
	}
	const part = true
	cases := []struct {
		name  string
		steps []step
	}{
		{"half of what was seen, then more, then no rate", []step{
			{0, false, passes(60, 40), "60 retry 0s step 0s"},
			{999 * ms, false, take(100), "100"}, // 200 in this second
			{0, false, slow, "32/64"},
			{0, false, passes(1, 0), "0 retry 10ms step 10ms"},
			{10 * ms, false, passes(9, 0), "1 retry 10ms step 10ms"},
			{time.Second, false, passes(99, 0), "20 retry 10ms step 10ms"}, // 100 ms worth of 200
			{0, false, slow, "16/64"},
			{0, false, passes(1, 0), "0 retry 20ms step 20ms"},
			{10 * time.Second, false, throttled, "free 20 at 20/64"},
			{110 * time.Second, false, throttled, "free -1 at 64/64"},
			{0, false, passes(5000, 0), "5000 retry 0s step 0s"},
		}},
		{"the second before counts too", []step{
			{0, false, take(400), "400"},
			{1500 * ms, false, take(10), "10"},
			{0, false, slow, "32/64"},
			{0, false, passes(1, 0), "0 retry 5ms step 5ms"},
		}},
		{"a slow one is not made slower", []step{
			{0, false, take(1), "1"},
			{0, false, slow, "32/64"}, // 10 a second is the least that is learned
			{0, false, passes(1, 0), "0 retry 200ms step 200ms"},
			{time.Minute, false, slow, "32/64"}, // from 56, and not to 28
		}},
		{"a part is slowed, the whole is not", []step{
			{0, part, take(100), "100"},
			{0, false, take(300), "300"},
			{0, part, slow, "32/64"},
			{0, part, passes(1, 0), "0 retry 20ms step 20ms"},
			{0, false, take(300), "300"},
			{0, false, throttled, "free -1 at 64/64"},
		}},
		{"the whole is slowed, and what the part takes is the whole's", []step{
			{0, part, take(100), "100"},
			{0, false, take(100), "100"},
			{0, false, slow, "32/64"},
			{0, part, passes(1, 0), "0 retry 10ms step 10ms"},
			{20 * ms, part, take(1), "1"},
			{0, false, take(2), "1 retry 10ms"},
			{0, part, throttled, "free -1 at 64/64"},
		}},
	}
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		for _, tc := range cases {
			whole := NewThrottle(rdb, tc.name, Rate{})
			for i, s := range tc.steps {
				advance(s.after)
				th := whole
				if s.part {
					th = whole.Part("p")
				}
				if diff := cmp.Diff(s.want, s.op(&throttleRig{t: t, rdb: rdb, th: th})); diff != "" {
					t.Errorf("%s, step %d (-want +got):\n%s", tc.name, i, diff)
				}
			}
		}
	})
}

func TestThrottleParts(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		th := NewThrottle(rdb, "x", Rate{Permits: 100, Burst: 5})
		if _, err := th.Part("b").Slow(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := th.Parts(t.Context(), "a", "b")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]ThrottleState{
			"":  {Free: 5, Factor: 1, Step: 10 * time.Millisecond},
			"a": {Free: -1, Factor: 1},
			"b": {Free: 0, Factor: 0.5, Step: 200 * time.Millisecond},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parts (-want +got):\n%s", diff)
		}
	})
	for name, bad := range map[string]func(){
		"a brace":          func() { NewThrottle(nil, "x", Rate{}).Part("}") },
		"a part of a part": func() { NewThrottle(nil, "x", Rate{}).Part("a").Part("b") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was taken", name)
				}
			}()
			bad()
		}()
	}
}

// A throttle that has nothing to remember leaves no key behind.
func TestThrottleKeyExpires(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		th, free := NewThrottle(rdb, "x", Rate{Permits: 10, Burst: 1}), NewThrottle(rdb, "x", Rate{})
		for _, tc := range []struct {
			name string
			do   func() error
			life time.Duration
		}{
			{"take", func() error { _, err := th.Take(ctx, 1); return err }, 100*time.Millisecond + time.Second},
			{"slow", func() error { _, err := th.Slow(ctx); return err }, 80*time.Second + time.Second},
			{"count", func() error { _, err := free.Take(ctx, 1); return err }, 31 * time.Second},
		} {
			if err := tc.do(); err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			advance(tc.life - 500*time.Millisecond) // keys of a real server also age automatically
			if n := rdb.Exists(ctx, th.keys...).Val(); n != 1 {
				t.Errorf("%s: the key is gone too early", tc.name)
			}
			advance(500 * time.Millisecond)
			if n := rdb.Exists(ctx, th.keys...).Val(); n != 0 {
				t.Errorf("%s: the key is still there", tc.name)
			}
		}
	})
}

// A rate changed by configuration takes what is owed along.
func TestThrottleChangedRate(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		old := NewThrottle(rdb, "x", Rate{Permits: 10, Burst: 4})
		if _, err := old.Take(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			permits, want int
		}{{10, 2}, {1, 2}, {1000, 2}, {0, -1}} {
			s, err := NewThrottle(rdb, "x", Rate{Permits: tc.permits, Burst: 4}).State(t.Context())
			if err != nil || s.Free != tc.want {
				t.Errorf("at %d/s: %d free, %v; want %d", tc.permits, s.Free, err, tc.want)
			}
		}
	})
}

func TestRateValidate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rate Rate
		want error
	}{
		{Rate{}, nil},
		{Rate{Permits: 1, Per: time.Hour, Burst: 5}, nil},
		{Rate{Permits: -1}, ErrRate},
		{Rate{Per: -1}, ErrRate},
		{Rate{Burst: -1}, ErrRate},
	} {
		if err := tc.rate.Validate(); !errors.Is(err, tc.want) {
			t.Errorf("%+v: %v, want %v", tc.rate, err, tc.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("NewThrottle took an invalid rate")
		}
	}()
	NewThrottle(nil, "x", Rate{Permits: -1})
}
