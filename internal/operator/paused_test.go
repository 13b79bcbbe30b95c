package operator_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// TestPausedQueueIsNamed: an Asynq queue that somebody paused is the cause that why and
// check tell, with since when and how to unpause it.
func TestPausedQueueIsNamed(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.apply(simple, 2)
	b.hire()
	assignments, err := b.ledger.Claim(b.ctx, rollout.Claim{Rollout: id, Stage: rollout.StagePreflight, MaxRank: rollout.Rank(1, 0), N: 1, Lease: time.Minute})
	if err != nil || len(assignments) != 1 {
		t.Fatalf("claim: %v %v", assignments, err)
	}
	since := b.now().Add(-time.Hour)
	key := "asynq:{commit}:paused"
	told := func() (texts []string, level operator.Level) {
		t.Helper()
		for _, app := range []string{assignments[0].AppID, appID(1)} { // one is in the queue, one waits for its turn
			e, err := b.op.Why(b.ctx, app, "")
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, e.Places[0].Waits+" "+e.Places[0].Next)
		}
		results := b.op.Check(b.ctx, "")
		i := slices.IndexFunc(results, func(r operator.Result) bool { return r.Name == "queues" })
		return append(texts, results[i].Detail+" "+results[i].Hint), results[i].Level
	}
	if texts, level := told(); strings.Contains(strings.Join(texts, " "), "queue commit") || level != operator.LevelOK {
		t.Errorf("before: %q %s", texts, level)
	}
	for _, mark := range []string{fmt.Sprint(since.Unix()), "yes"} {
		if err := b.rdb.Set(b.ctx, key, mark, 0).Err(); err != nil {
			t.Fatal(err)
		}
		texts, level := told()
		for _, text := range texts {
			known := mark == "yes" || strings.Contains(text, since.UTC().Format(time.RFC3339))
			if !strings.Contains(text, "the Asynq queue commit is paused") || !known || !strings.Contains(text, "redis-cli DEL '"+key+"'") {
				t.Errorf("marked %s: %q", mark, text)
			}
		}
		if level != operator.LevelFail {
			t.Errorf("check: %s", level)
		}
	}
}

// TestClockStepIsTold: check names a step back of Redis's clock, with how far and when.
func TestClockStepIsTold(t *testing.T) {
	t.Parallel()
	b := mini(t)
	clock := func() operator.Result {
		t.Helper()
		results := b.op.Check(b.ctx, "")
		return results[slices.IndexFunc(results, func(r operator.Result) bool { return r.Name == "redis clock" })]
	}
	b.hire()
	if r := clock(); r.Level != operator.LevelOK {
		t.Errorf("before: %+v", r)
	}
	b.advance(-8 * time.Hour)
	stepped := b.now()
	if err := b.ledger.Heartbeat(b.ctx, "w2", nil, time.Minute); !errors.As(err, new(*ledger.ClockStepError)) {
		t.Errorf("heartbeat: %v", err)
	}
	b.advance(time.Minute)
	want := "the Redis clock stepped back by 8h0m0s at " + stepped.UTC().Format(time.RFC3339)
	if r := clock(); r.Level != operator.LevelWarn || !strings.HasPrefix(r.Detail, want) || r.Hint == "" {
		t.Errorf("check tells %+v, want %q", r, want)
	}
	b.advance(8 * 24 * time.Hour)
	if r := clock(); r.Level != operator.LevelOK || !strings.HasPrefix(r.Detail, want) {
		t.Errorf("a week later check tells %+v", r)
	}
}
