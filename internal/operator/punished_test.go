package operator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
)

// A penalty is shown by every read, for each rollout that has something to
// submit, with what to do.
func TestPunished(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 2)
	if err := b.Pools.Close(b.Ctx, rollout.StageSubmit, ratelimit.Refusal{Reason: "86008"}, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	const says = "punished: errcode 86008"
	q, err := b.Quota.Report(b.Ctx, "")
	if err != nil || !strings.HasPrefix(q.Pools[0].Words, says) || !strings.Contains(q.Pools[0].Next(), "enqueue quota open submit") {
		t.Errorf("quota says %+v, %v", q.Pools[0], err)
	}
	if list, err := b.Operator.Rollouts(b.Ctx, 0, 9); err != nil || len(list) != 1 || !strings.HasPrefix(list[0].Halted, says) {
		t.Errorf("rollouts: %+v, %v", list, err)
	}
	for s, err := range b.Operator.Watch(b.Ctx, id, time.Hour) {
		if err != nil || !strings.HasPrefix(s.Halted, says) || !s.Pools[0].Punished {
			t.Errorf("watch: %+v, %v", s, err)
		}
		break
	}
	if _, err := b.Operator.Pause(b.Ctx, id, "86008"); err != nil {
		t.Fatal(err)
	}
	if e, err := b.Operator.Why(b.Ctx, appID(0), ""); err != nil || !strings.Contains(e.Places[0].Next, "enqueue quota open submit") {
		t.Errorf("why: %+v, %v", e.Places, err)
	}
	if _, err := b.Quota.Open(b.Ctx, rollout.StageSubmit, "over"); err != nil {
		t.Fatal(err)
	}
	if list, err := b.Operator.Rollouts(b.Ctx, 0, 9); err != nil || list[0].Halted != "" {
		t.Errorf("after it: %+v, %v", list, err)
	}
}
