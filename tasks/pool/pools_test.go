package pool

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
)

// openPools makes pools on a Redis; looks are as old as o says, or not cached.
func openPools(rdb redis.UniversalClient, o Options) *Pools {
	if o.LookEvery == 0 {
		o.LookEvery = 1
	}
	return New(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{Metered: name == string(rollout.StageSubmit)})
	}, o)
}

func newPools(t *testing.T, o Options) (*Pools, *miniredis.Miniredis) {
	t.Helper()
	m, rdb := redistest.Mini(t)
	return openPools(rdb, o), m
}

// reads is a queryquota that answers.
func reads(rest, limit int64) func(context.Context) (int64, int64, error) {
	return func(context.Context) (int64, int64, error) { return rest, limit, nil }
}

func (p *Pools) mustSee(t *testing.T, what string, stage rollout.Stage, want rollout.Allowance) {
	t.Helper()
	got, err := p.Allowances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := got[stage]
	seen.Mark = ""
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("%s: allowance of %s (-want +got):\n%s", what, stage, diff)
	}
}

// take asks for permits for bulk.
func (p *Pools) take(t *testing.T, s rollout.Stage, ids ...string) ([]string, error) {
	t.Helper()
	taken, err := p.Take(t.Context(), rollout.TakeRequest{Stage: s, Pool: "bulk", IDs: ids})
	return taken.Granted, err
}

// penaltyProbe is how long a penalty closes the pool.
const penaltyProbe = 24 * time.Hour

func same(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAllowanceOfSubmissions(t *testing.T) {
	t.Parallel()
	const s = rollout.StageSubmit
	p, _ := newPools(t, Options{})
	unlimited := rollout.Allowance{N: rollout.Unlimited, Permits: true}
	marks := make(map[string]bool)
	look := func(what string, want rollout.Allowance) {
		t.Helper()
		p.mustSee(t, what, s, want)
		all, err := p.Allowances(t.Context())
		must(t, err)
		if marks[all[s].Mark] {
			t.Errorf("%s: the mark %q was seen before", what, all[s].Mark)
		}
		marks[all[s].Mark] = true
	}
	look("never read", unlimited)
	got, err := p.take(t, s, "r1/wx1", "r1/wx2")
	must(t, err)
	same(t, "one goes first", got, "r1/wx1")
	look("the first is out", unlimited)
	rest, err := p.Refill(t.Context(), reads(5, 9))
	if rest != 5 {
		t.Errorf("rest %d, want 5", rest)
	}
	must(t, err)
	look("read", unlimited)
	must(t, p.Settle(t.Context(), s, "bulk", "r1/wx1", ratelimit.Spent))
	look("one spent", unlimited)
	_, err = p.take(t, s, "a/1", "a/2")
	must(t, err)
	look("two out", unlimited)
	must(t, p.Close(t.Context(), s, ratelimit.Refusal{Reason: "85085"}, 0))
	look("closed: perhaps a probe", rollout.Allowance{N: 1, Permits: true, Probe: true})
}

func TestAllowanceOfOtherStages(t *testing.T) {
	t.Parallel()
	const s = rollout.StageCommit
	p, m := newPools(t, Options{})
	p.mustSee(t, "open", s, rollout.Allowance{N: rollout.Unlimited})
	must(t, p.Close(t.Context(), s, ratelimit.Refusal{Reason: "45009"}, 0))
	p.mustSee(t, "throttled", s, rollout.Allowance{N: 1, Permits: true, Probe: true})
	p.mustSee(t, "the others are not", rollout.StageRelease, rollout.Allowance{N: rollout.Unlimited})
	got, err := p.take(t, s, "r1/wx1")
	must(t, err)
	same(t, "taken too soon", got)
	redistest.Advance(m, ratelimit.DefaultProbeAfter)
	got, err = p.take(t, s, "r1/wx1", "r1/wx2")
	must(t, err)
	same(t, "the probe", got, "r1/wx1")
	must(t, p.Settle(t.Context(), s, "bulk", "r1/wx1", ratelimit.Spent))
	p.mustSee(t, "open again", s, rollout.Allowance{N: rollout.Unlimited})
}

// Pools that are almost always open are looked at now and then; what this
// process closes itself, it sees at once.
func TestLooksAreCached(t *testing.T) {
	t.Parallel()
	const s = rollout.StageVerdict
	_, rdb := redistest.Mini(t)
	p, other := openPools(rdb, Options{LookEvery: time.Hour}), openPools(rdb, Options{})
	p.mustSee(t, "open", s, rollout.Allowance{N: rollout.Unlimited})
	must(t, other.Close(t.Context(), s, ratelimit.Refusal{Reason: "45009"}, 0))
	must(t, other.Close(t.Context(), rollout.StageSubmit, ratelimit.Refusal{Reason: "85085"}, 0))
	p.mustSee(t, "closed by another process", s, rollout.Allowance{N: rollout.Unlimited})
	p.mustSee(t, "submissions are always looked at", rollout.StageSubmit, rollout.Allowance{N: 1, Permits: true, Probe: true})
	must(t, p.Close(t.Context(), rollout.StageCommit, ratelimit.Refusal{Reason: "45009"}, 0))
	p.mustSee(t, "closed by this process", rollout.StageCommit, rollout.Allowance{N: 1, Permits: true, Probe: true})
	p.mustSee(t, "and the rest is looked at with it", s, rollout.Allowance{N: 1, Permits: true, Probe: true})
}

// A probe that reads 0 leaves the pool closed until the next look, and lets no
// other out by settling.
func TestReadingOfNothingLeft(t *testing.T) {
	t.Parallel()
	const s = rollout.StageSubmit
	p, m := newPools(t, Options{ReadEvery: 10 * time.Minute})
	must(t, p.Close(t.Context(), s, ratelimit.Refusal{Reason: "85085"}, 0))
	redistest.Advance(m, ratelimit.DefaultProbeAfter)
	take := func(what string, want ...string) {
		t.Helper()
		got, err := p.take(t, s, "r1/wx1")
		must(t, err)
		same(t, what, got, want...)
	}
	take("the probe", "r1/wx1")
	_, err := p.Refill(t.Context(), reads(0, 9))
	must(t, err)
	if ok, _, err := p.Holds(t.Context(), s, "r1/wx1"); ok || err != nil {
		t.Errorf("the probe may go on (%v)", err)
	}
	must(t, p.Settle(t.Context(), s, "bulk", "r1/wx1", ratelimit.Unused))
	take("at once")
	redistest.Advance(m, 10*time.Minute)
	take("after the next look", "r1/wx1")
}

// A penalty stops what has its permit already, and neither a reading nor a probe
// that is out ends it before a day has passed.
func TestPenaltyLasts(t *testing.T) {
	t.Parallel()
	const s = rollout.StageSubmit
	p, m := newPools(t, Options{})
	_, err := p.Refill(t.Context(), reads(9, 9))
	must(t, err)
	took, err := p.take(t, s, "r1/wx1", "r2/wx1")
	must(t, err)
	same(t, "assignments of two rollouts", took, "r1/wx1", "r2/wx1")
	must(t, p.Close(t.Context(), s, ratelimit.Refusal{Reason: "86008"}, penaltyProbe))
	must(t, p.Settle(t.Context(), s, "bulk", "r1/wx1", ratelimit.Unused))
	// The leader reads the quota: there is plenty.
	_, err = p.Refill(t.Context(), reads(9, 9))
	must(t, err)
	if ok, _, err := p.Holds(t.Context(), s, "r2/wx1"); ok || err != nil {
		t.Errorf("an assignment that was queued may submit (%v)", err)
	}
	must(t, p.Settle(t.Context(), s, "bulk", "r2/wx1", ratelimit.Unused))
	redistest.Advance(m, penaltyProbe-time.Second)
	took, err = p.take(t, s, "r3/wx1")
	must(t, err)
	same(t, "before the day is over", took)
	redistest.Advance(m, time.Second)
	took, err = p.take(t, s, "r3/wx1", "r3/wx2")
	must(t, err)
	same(t, "after it", took, "r3/wx1")
}

func TestReadingThatFails(t *testing.T) {
	t.Parallel()
	p, _ := newPools(t, Options{})
	away := errors.New("busy")
	if _, err := p.Refill(t.Context(), func(context.Context) (int64, int64, error) { return 0, 0, away }); !errors.Is(err, away) {
		t.Errorf("error %v, want queryquota's", err)
	}
	unread, err := p.Unread(t.Context())
	if !unread || err != nil {
		t.Errorf("unread %t, %v", unread, err)
	}
}

func TestPoolsWithoutRedis(t *testing.T) {
	t.Parallel()
	p, m := newPools(t, Options{})
	m.SetError("LOADING Redis is loading")
	for what, call := range map[string]func() error{
		"allowances": func() error { _, err := p.Allowances(t.Context()); return err },
		"take":       func() error { _, err := p.take(t, rollout.StageSubmit, "a/1"); return err },
		"return":     func() error { return p.Return(t.Context(), rollout.StageSubmit, []string{"a/1"}) },
		"holds":      func() error { _, _, err := p.Holds(t.Context(), rollout.StageSubmit, "a/1"); return err },
		"settle":     func() error { return p.Settle(t.Context(), rollout.StageSubmit, "bulk", "a/1", ratelimit.Spent) },
		"close":      func() error { return p.Close(t.Context(), rollout.StageSubmit, ratelimit.Refusal{Reason: "x"}, 0) },
		"unread":     func() error { _, err := p.Unread(t.Context()); return err },
		"failed":     func() error { return p.ReadFailed(t.Context(), "x") },
		"refused":    func() error { _, err := p.Refused(t.Context(), ratelimit.Refusal{App: "1"}); return err },
		"explain": func() error {
			_, err := p.Explain(t.Context(), rollout.TakeRequest{Stage: rollout.StageSubmit})
			return err
		},
		"refill": func() error { _, err := p.Refill(t.Context(), reads(1, 1)); return err },
	} {
		if call() == nil {
			t.Errorf("%s: no error without Redis", what)
		}
	}
}

// An assignment goes on at stages whose pools were open a moment ago; submissions always
// need a permit. What this process closes is closed to it at once.
func TestOpenPools(t *testing.T) {
	t.Parallel()
	now := time.Now()
	o := Options{LookEvery: time.Second, Now: func() time.Time { return now }}
	m, rdb := redistest.Mini(t)
	mine, other := openPools(rdb, o), openPools(rdb, o)
	want := func(what string, want bool) {
		t.Helper()
		if got := mine.Open(t.Context(), rollout.StageCheck); got != want {
			t.Errorf("%s: open %t, want %t", what, got, want)
		}
	}
	want("at first", true)
	if mine.Open(t.Context(), rollout.StageSubmit) {
		t.Error("submissions need no permit")
	}
	must(t, other.Close(t.Context(), rollout.StageCheck, ratelimit.Refusal{Reason: "45009"}, time.Minute))
	want("closed by another process, a moment ago", true)
	now = now.Add(time.Second)
	want("looked at again", false)
	must(t, mine.Quota(rollout.StageCheck).Open(t.Context()))
	now = now.Add(time.Second)
	want("opened", true)
	must(t, mine.Close(t.Context(), rollout.StageCheck, ratelimit.Refusal{Reason: "45009"}, time.Minute))
	want("closed by this process", false)
	now = now.Add(time.Second)
	m.SetError("LOADING")
	want("without Redis", false)
}

// A refusal from before an operator opened the pool doesn't close it again; one of a
// call that began since does.
func TestRefusalIsFencedByAnOpening(t *testing.T) {
	t.Parallel()
	p, _ := newPools(t, Options{})
	const s, id = rollout.StageSubmit, "r1/wx1"
	if got, err := p.take(t, s, id); err != nil || len(got) != 1 {
		t.Fatalf("took %q, %v", got, err)
	}
	look := func() int64 {
		t.Helper()
		ok, opening, err := p.Holds(t.Context(), s, id)
		if err != nil || !ok || opening == 0 {
			t.Fatalf("holds %t as of %d, %v", ok, opening, err)
		}
		return opening
	}
	stalled := look()
	must(t, p.Close(t.Context(), s, ratelimit.Refusal{Reason: "86008", Opening: stalled}, penaltyProbe)) // another handler, of the same opening
	must(t, p.Quota(s).Open(t.Context()))
	var reopened *ratelimit.ReopenedError
	if err := p.Close(t.Context(), s, ratelimit.Refusal{Reason: "86008", Opening: stalled}, penaltyProbe); !errors.As(err, &reopened) || reopened.Reason != "86008" {
		t.Fatalf("closed by what was refused before: %v", err)
	}
	must(t, p.Close(t.Context(), s, ratelimit.Refusal{Reason: "86008", Opening: look()}, penaltyProbe))
	if ok, _, err := p.Holds(t.Context(), s, id); ok || err != nil {
		t.Errorf("not closed by what was refused since: %t, %v", ok, err)
	}
}
