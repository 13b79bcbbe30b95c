package tasks

import (
	"context"
	"errors"
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
func openPools(rdb redis.UniversalClient, o PoolsOptions) *Pools {
	if o.LookEvery == 0 {
		o.LookEvery = 1
	}
	return NewPools(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{})
	}, o)
}

func newPools(t *testing.T, o PoolsOptions) (*Pools, *miniredis.Miniredis) {
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
	if diff := cmp.Diff(want, got[stage]); diff != "" {
		t.Errorf("%s: allowance of %s (-want +got):\n%s", what, stage, diff)
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
	p, _ := newPools(t, PoolsOptions{})
	p.mustSee(t, "never read: one goes first", s, rollout.Allowance{N: 1, Permits: true})
	got, err := p.Take(t.Context(), s, []string{"r1/wx1"})
	must(t, err)
	same(t, "taken", got, "r1/wx1")
	p.mustSee(t, "the first is out", s, rollout.Allowance{N: 0, Permits: true})
	rest, err := p.Refill(t.Context(), reads(5, 9))
	if rest != 5 {
		t.Errorf("rest %d, want 5", rest)
	}
	must(t, err)
	p.mustSee(t, "read: all of it, the one out included", s, rollout.Allowance{N: 5, Permits: true})
	must(t, p.Settle(t.Context(), s, "r1/wx1", true))
	p.mustSee(t, "one spent", s, rollout.Allowance{N: 4, Permits: true})
	_, err = p.Take(t.Context(), s, []string{"a/1", "a/2"})
	must(t, err)
	must(t, p.Return(t.Context(), s, []string{"a/1", "a/2"}))
	p.mustSee(t, "given back", s, rollout.Allowance{N: 4, Permits: true})
	must(t, p.Close(t.Context(), s, 0, "85085", 0))
	p.mustSee(t, "closed: perhaps a probe", s, rollout.Allowance{N: 1, Permits: true})
}

func TestAllowanceOfOtherStages(t *testing.T) {
	t.Parallel()
	const s = rollout.StageCommit
	p, m := newPools(t, PoolsOptions{})
	p.mustSee(t, "open", s, rollout.Allowance{N: rollout.Unlimited})
	must(t, p.Close(t.Context(), s, 0, "45009", 0))
	p.mustSee(t, "throttled", s, rollout.Allowance{N: 1, Permits: true})
	p.mustSee(t, "the others are not", rollout.StageRelease, rollout.Allowance{N: rollout.Unlimited})
	got, err := p.Take(t.Context(), s, []string{"r1/wx1"})
	must(t, err)
	same(t, "taken too soon", got)
	redistest.Advance(m, ratelimit.DefaultProbeAfter)
	got, err = p.Take(t.Context(), s, []string{"r1/wx1", "r1/wx2"})
	must(t, err)
	same(t, "the probe", got, "r1/wx1")
	must(t, p.Settle(t.Context(), s, "r1/wx1", true))
	p.mustSee(t, "open again", s, rollout.Allowance{N: rollout.Unlimited})
}

// Pools that are almost always open are looked at now and then; what this
// process closes itself, it sees at once.
func TestLooksAreCached(t *testing.T) {
	t.Parallel()
	const s = rollout.StageVerdict
	_, rdb := redistest.Mini(t)
	p, other := openPools(rdb, PoolsOptions{LookEvery: time.Hour}), openPools(rdb, PoolsOptions{})
	p.mustSee(t, "open", s, rollout.Allowance{N: rollout.Unlimited})
	must(t, other.Close(t.Context(), s, 0, "45009", 0))
	must(t, other.Close(t.Context(), rollout.StageSubmit, 0, "85085", 0))
	p.mustSee(t, "closed by another process", s, rollout.Allowance{N: rollout.Unlimited})
	p.mustSee(t, "submissions are always looked at", rollout.StageSubmit, rollout.Allowance{N: 1, Permits: true})
	must(t, p.Close(t.Context(), rollout.StageCommit, 0, "45009", 0))
	p.mustSee(t, "closed by this process", rollout.StageCommit, rollout.Allowance{N: 1, Permits: true})
	p.mustSee(t, "and the rest is looked at with it", s, rollout.Allowance{N: 1, Permits: true})
}

// wants says whether the pool wants to hear from queryquota.
func (p *Pools) wants(t *testing.T, what string, want bool) {
	t.Helper()
	got, err := p.Reading(t.Context())
	if err != nil || got != want {
		t.Errorf("%s: reading wanted %t (%v), want %t", what, got, err, want)
	}
}

func TestWhenTheQuotaIsAsked(t *testing.T) {
	t.Parallel()
	p, m := newPools(t, PoolsOptions{ReadEvery: time.Hour})
	p.wants(t, "never read", true)
	_, err := p.Refill(t.Context(), reads(5, 9))
	must(t, err)
	p.wants(t, "just read", false)
	redistest.Advance(m, -2*time.Hour) // the server's clock against this process's
	_, err = p.Refill(t.Context(), reads(5, 9))
	must(t, err)
	p.wants(t, "read long ago", true)
	p.wants(t, "another handler asks already", false)
	must(t, p.Close(t.Context(), rollout.StageSubmit, 0, "85085", 0))
	p.wants(t, "closed: its probe asks", true)
}

// A probe that reads 0 leaves the pool closed until the next look, and lets no
// other out by settling.
func TestReadingOfNothingLeft(t *testing.T) {
	t.Parallel()
	const s = rollout.StageSubmit
	p, m := newPools(t, PoolsOptions{ReadEvery: 10 * time.Minute})
	must(t, p.Close(t.Context(), s, 0, "85085", 0))
	redistest.Advance(m, ratelimit.DefaultProbeAfter)
	take := func(what string, want ...string) {
		t.Helper()
		got, err := p.Take(t.Context(), s, []string{"r1/wx1"})
		must(t, err)
		same(t, what, got, want...)
	}
	take("the probe", "r1/wx1")
	_, err := p.Refill(t.Context(), reads(0, 9))
	must(t, err)
	if ok, _, err := p.Holds(t.Context(), s, "r1/wx1"); ok || err != nil {
		t.Errorf("the probe may go on (%v)", err)
	}
	must(t, p.Settle(t.Context(), s, "r1/wx1", false))
	take("at once")
	redistest.Advance(m, 10*time.Minute)
	take("after the next look", "r1/wx1")
}

// A penalty stops what has its permit already, and neither a reading nor a probe
// that is out ends it before a day has passed.
func TestPenaltyLasts(t *testing.T) {
	t.Parallel()
	const s = rollout.StageSubmit
	p, m := newPools(t, PoolsOptions{})
	_, err := p.Refill(t.Context(), reads(9, 9))
	must(t, err)
	took, err := p.Take(t.Context(), s, []string{"r1/wx1", "r2/wx1"})
	must(t, err)
	same(t, "turns of two rollouts", took, "r1/wx1", "r2/wx1")
	must(t, p.Close(t.Context(), s, 0, "86008", penaltyProbe))
	must(t, p.Settle(t.Context(), s, "r1/wx1", false))
	// The other turn reads the quota first: there is plenty.
	p.wants(t, "closed", true)
	_, err = p.Refill(t.Context(), reads(9, 9))
	must(t, err)
	if ok, _, err := p.Holds(t.Context(), s, "r2/wx1"); ok || err != nil {
		t.Errorf("a turn that was queued may submit (%v)", err)
	}
	must(t, p.Settle(t.Context(), s, "r2/wx1", false))
	redistest.Advance(m, penaltyProbe-time.Second)
	took, err = p.Take(t.Context(), s, []string{"r3/wx1"})
	must(t, err)
	same(t, "before the day is over", took)
	redistest.Advance(m, time.Second)
	took, err = p.Take(t.Context(), s, []string{"r3/wx1", "r3/wx2"})
	must(t, err)
	same(t, "after it", took, "r3/wx1")
}

func TestReadingThatFails(t *testing.T) {
	t.Parallel()
	p, _ := newPools(t, PoolsOptions{})
	away := errors.New("busy")
	if _, err := p.Refill(t.Context(), func(context.Context) (int64, int64, error) { return 0, 0, away }); !errors.Is(err, away) {
		t.Errorf("error %v, want queryquota's", err)
	}
	p.mustSee(t, "nothing learned", rollout.StageSubmit, rollout.Allowance{N: 1, Permits: true})
	p.wants(t, "still", true)
}

func TestPoolsWithoutRedis(t *testing.T) {
	t.Parallel()
	p, m := newPools(t, PoolsOptions{})
	m.SetError("LOADING Redis is loading")
	for what, call := range map[string]func() error{
		"allowances": func() error { _, err := p.Allowances(t.Context()); return err },
		"take":       func() error { _, err := p.Take(t.Context(), rollout.StageSubmit, []string{"a/1"}); return err },
		"return":     func() error { return p.Return(t.Context(), rollout.StageSubmit, []string{"a/1"}) },
		"holds":      func() error { _, _, err := p.Holds(t.Context(), rollout.StageSubmit, "a/1"); return err },
		"settle":     func() error { return p.Settle(t.Context(), rollout.StageSubmit, "a/1", true) },
		"close":      func() error { return p.Close(t.Context(), rollout.StageSubmit, 0, "x", 0) },
		"reading":    func() error { _, err := p.Reading(t.Context()); return err },
		"refill":     func() error { _, err := p.Refill(t.Context(), reads(1, 1)); return err },
	} {
		if call() == nil {
			t.Errorf("%s: no error without Redis", what)
		}
	}
}

// A turn goes on at stages whose pools were open a moment ago; submissions always
// need a permit. What this process closes is closed to it at once.
func TestOpenPools(t *testing.T) {
	t.Parallel()
	now := time.Now()
	o := PoolsOptions{LookEvery: time.Second, Now: func() time.Time { return now }}
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
	must(t, other.Close(t.Context(), rollout.StageCheck, 0, "45009", time.Minute))
	want("closed by another process, a moment ago", true)
	now = now.Add(time.Second)
	want("looked at again", false)
	must(t, mine.Quota(rollout.StageCheck).Open(t.Context()))
	now = now.Add(time.Second)
	want("opened", true)
	must(t, mine.Close(t.Context(), rollout.StageCheck, 0, "45009", time.Minute))
	want("closed by this process", false)
	now = now.Add(time.Second)
	m.SetError("LOADING")
	want("without Redis", false)
}

// A refusal from before an operator opened the pool doesn't close it again; one of a
// call that began since does.
func TestRefusalIsFencedByAnOpening(t *testing.T) {
	t.Parallel()
	p, _ := newPools(t, PoolsOptions{})
	const s, id = rollout.StageSubmit, "r1/wx1"
	if got, err := p.Take(t.Context(), s, []string{id}); err != nil || len(got) != 1 {
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
	must(t, p.Close(t.Context(), s, stalled, "86008", penaltyProbe)) // another handler, of the same opening
	must(t, p.Quota(s).Open(t.Context()))
	var reopened *ratelimit.ReopenedError
	if err := p.Close(t.Context(), s, stalled, "86008", penaltyProbe); !errors.As(err, &reopened) || reopened.Reason != "86008" {
		t.Fatalf("closed by what was refused before: %v", err)
	}
	must(t, p.Close(t.Context(), s, look(), "86008", penaltyProbe))
	if ok, _, err := p.Holds(t.Context(), s, id); ok || err != nil {
		t.Errorf("not closed by what was refused since: %t, %v", ok, err)
	}
}
