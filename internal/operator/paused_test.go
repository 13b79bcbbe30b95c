package operator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/rollout"
)

// TestPausedQueueIsNamed: a paused Asynq queue is the cause that why and
// check show, with since when and how to unpause it.
func TestPausedQueueIsNamed(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 2)
	b.Hire()
	assignments, err := b.Ledger.Claim(b.Ctx, rollout.Claim{Rollout: id, Stage: rollout.StagePreflight, MaxRank: rollout.Rank(1, 0), N: 1, Lease: time.Minute})
	if err != nil || len(assignments) != 1 {
		t.Fatalf("claim: %v %v", assignments, err)
	}
	since := b.Now().Add(-time.Hour)
	key := "asynq:{commit}:paused"
	reported := func() (texts []string, level doctor.Level) {
		t.Helper()
		for _, app := range []string{assignments[0].AppID, appID(1)} { // one is in the queue, one waits for its turn
			e, err := b.Operator.Why(b.Ctx, app, "")
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, e.Places[0].Waits+" "+e.Places[0].Next)
		}
		results := b.Doctor.Check(b.Ctx, "")
		i := slices.IndexFunc(results, func(r doctor.Result) bool { return r.Name == "queues" })
		return append(texts, results[i].Detail+" "+results[i].Hint), results[i].Level
	}
	if texts, level := reported(); strings.Contains(strings.Join(texts, " "), "queue commit") || level != doctor.LevelOK {
		t.Errorf("before: %q %s", texts, level)
	}
	for _, mark := range []string{fmt.Sprint(since.Unix()), "yes"} {
		if err := b.Redis.Set(b.Ctx, key, mark, 0).Err(); err != nil {
			t.Fatal(err)
		}
		texts, level := reported()
		for _, text := range texts {
			known := mark == "yes" || strings.Contains(text, since.UTC().Format(time.RFC3339))
			if !strings.Contains(text, "the Asynq queue commit is paused") || !known || !strings.Contains(text, "redis-cli DEL '"+key+"'") {
				t.Errorf("marked %s: %q", mark, text)
			}
		}
		if level != doctor.LevelFail {
			t.Errorf("check: %s", level)
		}
	}
}
