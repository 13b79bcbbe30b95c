package ratelimit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// quotaRig runs a quota in virtual time and says what it answers.
type quotaRig struct {
	t     *testing.T
	q     *Quota
	start time.Time
	// advance moves the clock; nil where no step needs it.
	advance func(time.Duration)
}

// quotaOp is one step of a table: it acts and says what came of it.
type quotaOp func(r *quotaRig) string

// takes asks for permits for the words of ids.
func takes(ids string) quotaOp { return takesAs(Ask{}, ids) }

func takesAs(a Ask, ids string) quotaOp {
	return func(r *quotaRig) string {
		got, err := r.q.Take(r.t.Context(), a, strings.Fields(ids))
		if err != nil {
			return err.Error()
		}
		s := strings.Join(got.Granted, " ")
		if got.Probe {
			s = "probe " + s
		}
		return s + r.limit(got.Limit)
	}
}

func holds(id string) quotaOp {
	return func(r *quotaRig) string {
		look, err := r.q.Holds(r.t.Context(), id)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(look.OK) + r.closure(look.Closed)
	}
}

func spends(id string) quotaOp {
	return func(r *quotaRig) string { return said(r.q.Settle(r.t.Context(), id, true)) }
}

func returns(id string) quotaOp {
	return func(r *quotaRig) string { return said(r.q.Settle(r.t.Context(), id, false)) }
}

func closes(reason string, after time.Duration) quotaOp {
	return func(r *quotaRig) string { return said(r.q.Close(r.t.Context(), reason, after)) }
}

// closesFor is a refusal of an app's call.
func closesFor(app, reason string, after time.Duration) quotaOp {
	return func(r *quotaRig) string {
		return said(r.q.CloseAsOf(r.t.Context(), Refusal{App: app, Reason: reason}, after))
	}
}

// tried lists who probed or was refused since the pool stopped being open.
func tried(r *quotaRig) string {
	s, err := r.q.State(r.t.Context())
	if err != nil {
		return err.Error()
	}
	return strings.Join(s.Tried, " ")
}

// refused is a refusal for lack of quota; left says whether a reading shows units.
func refused(app string, left bool) quotaOp {
	return func(r *quotaRig) string {
		closed, err := r.q.Refused(r.t.Context(), Refusal{App: app, Reason: "85085", Left: left})
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint("closed ", closed)
	}
}

// setsShares replaces the standing shares.
func setsShares(shares map[string]int64) quotaOp {
	return func(r *quotaRig) string { return said(r.q.SetShares(r.t.Context(), shares)) }
}

func explains(a Ask) quotaOp {
	return func(r *quotaRig) string {
		l, err := r.q.Explain(r.t.Context(), a)
		if err != nil {
			return err.Error()
		}
		return r.limit(l)
	}
}

func refills(rest, spentAtStart int64) quotaOp {
	return func(r *quotaRig) string {
		return said(r.q.Refill(r.t.Context(), Reading{Rest: rest, Limit: 100, Begun: Begun{Spent: spentAtStart}, NextCheck: 2 * time.Minute}))
	}
}

func readFails(cause string) quotaOp {
	return func(r *quotaRig) string { return said(r.q.ReadFailed(r.t.Context(), cause)) }
}

// unread says why the allowance is not read, and since how many minutes after the start.
func unread(r *quotaRig) string {
	s, err := r.q.State(r.t.Context())
	if err != nil {
		return err.Error()
	}
	since := -1.0
	if !s.UnreadSince.IsZero() {
		since = s.UnreadSince.Sub(r.start).Minutes()
	}
	return fmt.Sprintf("%s since %g", s.Unread, since)
}

// books says what each pool did, and the month's drift.
func books(r *quotaRig) string {
	s, err := r.q.State(r.t.Context())
	if err != nil {
		return err.Error()
	}
	var pools []string
	for _, p := range s.Pools {
		pools = append(pools, fmt.Sprintf("%s %d/%d/%d", p.Pool, p.Spent, p.Today, p.Out))
	}
	return fmt.Sprintf("%s external %d raised %d", strings.Join(pools, ", "), s.External, s.Raised)
}

func opens(r *quotaRig) string { return said(r.q.Open(r.t.Context())) }

func stands(r *quotaRig) string {
	s, err := r.q.State(r.t.Context())
	if err != nil {
		return err.Error()
	}
	rest := "?"
	if s.Known {
		rest = fmt.Sprintf("%d/%d", s.Rest, s.Limit)
	}
	out := fmt.Sprintf("%s rest %s out %d spent %d closings %d", s.State, rest, s.Outstanding, s.Spent, s.Closings)
	if s.Reason != "" {
		out += r.closure(&Closure{s.Reason, s.Since, s.RetryAt})
	}
	return out
}

// closure is " | reason since retry", the times in minutes after the start.
func (r *quotaRig) closure(c *Closure) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf(" | %s %g %g", c.Reason, c.Since.Sub(r.start).Minutes(), c.RetryAt.Sub(r.start).Minutes())
}

// limit is closure for the kinds that a pool's closing has; the numbers of others.
func (r *quotaRig) limit(l *Limit) string {
	switch {
	case l == nil:
		return ""
	case l.Kind == LimitClosed || l.Kind == LimitExhausted && l.Reserved == 0:
		return r.closure(&Closure{l.Reason, l.Since, l.RetryAt})
	case l.Kind == LimitCap:
		return fmt.Sprintf(" | cap %d of %d", l.Used, l.Bound)
	case l.Kind == LimitPerDay:
		return fmt.Sprintf(" | per_day %d of %d until %s", l.Used, l.Bound, l.RetryAt.In(utc8).Format("15:04"))
	default:
		return fmt.Sprintf(" | %s: %d left, %d for %v, %d out", l.Kind, l.Left, l.Reserved, l.For, l.Out)
	}
}

var utc8 = time.FixedZone("UTC+8", 8*3600)

// midMonth moves a virtual time to the next tenth of a month, noon in UTC+8.
func midMonth(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
	t.Helper()
	now := rdb.Time(t.Context()).Val()
	y, m, _ := now.In(utc8).Date()
	advance(time.Date(y, m+1, 10, 12, 0, 0, 0, utc8).Sub(now))
}

// quotaCase is one row of the table. Its options are the defaults: probes
// after 5, 10, 20, 40, 60, 60 minutes, permits live 10 minutes.
type quotaCase struct {
	name  string
	opts  QuotaOptions
	steps []quotaStep
}

type quotaStep struct {
	after time.Duration
	op    quotaOp
	want  string
}

func TestQuota(t *testing.T) {
	t.Parallel()
	cases := slices.Concat(openCases, closedCases, refillCases, booksCases)
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		for _, tc := range cases {
			midMonth(t, rdb, advance)
			r := &quotaRig{
				t: t, start: rdb.Time(t.Context()).Val(),
				q: NewQuota(rdb, tc.name, tc.opts), advance: advance,
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

// A reading begins with the spent counter as it stands.
func TestBeginReading(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		q := NewQuota(rdb, "x", QuotaOptions{})
		for want := range int64(3) {
			got, err := q.BeginReading(t.Context())
			if err != nil || got.Spent != want {
				t.Errorf("spent = %d, %v; want %d", got.Spent, err, want)
			}
			if err := q.Settle(t.Context(), "a", true); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Permits that all lapsed leave nothing behind, even without another request.
func TestQuotaPermitsExpire(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		q := NewQuota(rdb, "x", QuotaOptions{})
		if _, err := q.Take(t.Context(), Ask{}, []string{"a", "b"}); err != nil {
			t.Fatal(err)
		}
		advance(DefaultPermitTTL)
		if n := rdb.Exists(t.Context(), q.keys...).Val(); n != 0 {
			t.Errorf("%d keys are still there", n)
		}
	})
}

// A Take of more ids than one Redis command holds is still one prefix.
func TestQuotaTakesMany(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		ctx := t.Context()
		q := NewQuota(rdb, "x", QuotaOptions{})
		ids := make([]string, 1500)
		for i := range ids {
			ids[i] = fmt.Sprint("id", i)
		}
		for _, tc := range []struct {
			rest int64
			want int
		}{{0, 0}, {1, 1}, {500, 500}, {501, 501}, {1499, 1499}, {1500, 1500}, {9999, 1500}} {
			if err := q.Refill(ctx, Reading{Rest: tc.rest, Limit: 9999}); err != nil {
				t.Fatal(err)
			}
			got, err := q.Take(ctx, Ask{}, ids)
			if err != nil || !slices.Equal(got.Granted, ids[:tc.want]) {
				t.Errorf("rest %d: %d granted, %v; want the first %d", tc.rest, len(got.Granted), err, tc.want)
			}
			s, err := q.State(ctx)
			if err != nil || s.Outstanding != int64(tc.want) {
				t.Errorf("rest %d: %d out, %v; want %d", tc.rest, s.Outstanding, err, tc.want)
			}
		}
	})
}

// An id that has a permit, behind one that gets none, is not in the prefix,
// also where the ids are cut into commands.
func TestQuotaTakesNoGap(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		ctx := t.Context()
		q := NewQuota(rdb, "x", QuotaOptions{})
		ids := make([]string, 600)
		for i := range ids {
			ids[i] = fmt.Sprint("id", i)
		}
		if err := q.Refill(ctx, Reading{Rest: 500, Limit: 500}); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Take(ctx, Ask{}, ids[500:501]); err != nil {
			t.Fatal(err)
		}
		got, err := q.Take(ctx, Ask{}, ids)
		if err != nil || !slices.Equal(got.Granted, ids[:499]) {
			t.Errorf("%d granted, %v; want the first 499", len(got.Granted), err)
		}
	})
}

// Lapsed permits are gone with the next call, however many they are, from all keys.
func TestQuotaPurges(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		q := NewQuota(rdb, "x", QuotaOptions{PermitTTL: minute})
		ids := make([]string, 1250)
		for i := range ids {
			ids[i] = fmt.Sprint("dead", i)
		}
		if _, err := q.Take(ctx, Ask{}, ids); err != nil {
			t.Fatal(err)
		}
		advance(30 * time.Second)
		if _, err := q.Take(ctx, Ask{}, []string{"alive"}); err != nil { // keeps the set
			t.Fatal(err)
		}
		advance(30 * time.Second)
		for range 2 {
			if _, err := q.Take(ctx, Ask{}, []string{"alive"}); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(rdb.ZCard(ctx, q.keys[1]).Val(), rdb.HLen(ctx, q.keys[2]).Val(), rdb.HVals(ctx, q.keys[3]).Val()); got != "1 1 [1]" {
				t.Errorf("stored: %s", got)
			}
			if s, err := q.State(ctx); err != nil || s.Outstanding != 1 {
				t.Errorf("outstanding = %d, %v; want 1", s.Outstanding, err)
			}
		}
	})
}

// A pool that a refusal closed, and of which nothing is left since, waits for units: the refusal
// is not the cause any more once its own wait is over.
func TestUsedUpIsTheCause(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		midMonth(t, rdb, advance)
		q := NewQuota(rdb, "q", QuotaOptions{Metered: true})
		check := func(rest int64, want string) {
			t.Helper()
			if err := q.Refill(t.Context(), Reading{Rest: rest, Limit: 100, NextCheck: time.Minute}); err != nil {
				t.Fatal(err)
			}
			l, err := q.Explain(t.Context(), Ask{Pool: "bulk"})
			if err != nil || l == nil || l.Kind != want {
				t.Errorf("with %d left it says %+v (%v), want %s", rest, l, err, want)
			}
		}
		if err := q.Close(t.Context(), "45009", time.Hour); err != nil {
			t.Fatal(err)
		}
		check(5, LimitClosed)
		check(0, LimitClosed) // for an hour, also with units
		advance(time.Hour)
		check(0, LimitExhausted)
		check(5, LimitClosed) // until a probe
	})
}
