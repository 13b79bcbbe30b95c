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
}

// quotaOp is one step of a table: it acts and says what came of it.
type quotaOp func(r *quotaRig) string

// takes asks for permits for the words of ids.
func takes(ids string) quotaOp {
	return func(r *quotaRig) string {
		got, err := r.q.Take(r.t.Context(), strings.Fields(ids))
		if err != nil {
			return err.Error()
		}
		s := strings.Join(got.Granted, " ")
		if got.Probe {
			s = "probe " + s
		}
		return s + r.closure(got.Closed)
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

func refills(rest, spentAtStart int64) quotaOp {
	return func(r *quotaRig) string {
		return said(r.q.Refill(r.t.Context(), Reading{Rest: rest, Limit: 100, SpentAtStart: spentAtStart, NextCheck: 2 * time.Minute}))
	}
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

// quotaCase is one row of the table. Its options are the defaults: probes
// after 5, 10, 20, 40, 60, 60 minutes, permits live 10 minutes.
type quotaCase struct {
	name  string
	steps []quotaStep
}

type quotaStep struct {
	after time.Duration
	op    quotaOp
	want  string
}

func TestQuota(t *testing.T) {
	t.Parallel()
	cases := slices.Concat(openCases, closedCases, refillCases)
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		for _, tc := range cases {
			r := &quotaRig{
				t: t, start: rdb.Time(t.Context()).Val(),
				q: NewQuota(rdb, tc.name, QuotaOptions{}),
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
			if err != nil || got != want {
				t.Errorf("spent = %d, %v; want %d", got, err, want)
			}
			if err := q.Settle(t.Context(), "a", true); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Permits that all lapsed leave nothing behind, though nobody asks again.
func TestQuotaPermitsExpire(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		q := NewQuota(rdb, "x", QuotaOptions{})
		if _, err := q.Take(t.Context(), []string{"a", "b"}); err != nil {
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
			got, err := q.Take(ctx, ids)
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
		if _, err := q.Take(ctx, ids[500:501]); err != nil {
			t.Fatal(err)
		}
		got, err := q.Take(ctx, ids)
		if err != nil || !slices.Equal(got.Granted, ids[:499]) {
			t.Errorf("%d granted, %v; want the first 499", len(got.Granted), err)
		}
	})
}

// More lapsed permits than one call purges are still not counted, and are
// gone after a few calls.
func TestQuotaPurgesInSteps(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		q := NewQuota(rdb, "x", QuotaOptions{PermitTTL: minute})
		ids := make([]string, 250)
		for i := range ids {
			ids[i] = fmt.Sprint("dead", i)
		}
		if _, err := q.Take(ctx, ids); err != nil {
			t.Fatal(err)
		}
		advance(30 * time.Second)
		if _, err := q.Take(ctx, []string{"alive"}); err != nil { // keeps the set
			t.Fatal(err)
		}
		advance(30 * time.Second)
		for _, want := range []int64{151, 51, 1, 1} {
			if _, err := q.Take(ctx, []string{"alive"}); err != nil {
				t.Fatal(err)
			}
			if got := rdb.ZCard(ctx, q.keys[1]).Val(); got != want {
				t.Errorf("%d permits stored, want %d", got, want)
			}
			if s, err := q.State(ctx); err != nil || s.Outstanding != 1 {
				t.Errorf("outstanding = %d, %v; want 1", s.Outstanding, err)
			}
		}
	})
}
