package doctor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
)

// deep checks, which wait for no permits.
func (b *bench) deep(o doctor.DeepOptions) doctor.Deep {
	b.T.Helper()
	o.Grace = time.Millisecond
	d, err := b.Doctor.DeepCheck(b.Ctx, o)
	if err != nil {
		b.T.Fatal(err)
	}
	return d
}

// lines are findings, with what was done or is left.
func lines(d doctor.Deep) string {
	var out []string
	for _, f := range d.List {
		out = append(out, strings.TrimSpace(f.String()+" => "+f.Done+f.Advice))
	}
	return strings.Join(out, "\n")
}

func TestDeepCheckOfPermitsAndTasks(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		b := setup(t, rdb, advance)
		b.WeChat.Apps = []string{appID(0)}
		id := b.Apply(simple, 3)
		b.Worker.Answer(appID(1), rollout.StageCommit, operatortest.ParkedMerchant)
		b.Work()
		pool := b.Pools.Quota(rollout.StageSubmit)
		if err := pool.Refill(b.Ctx, ratelimit.Reading{Rest: 9, Limit: 9}); err != nil {
			t.Fatal(err)
		}
		if _, err := pool.Take(b.Ctx, ratelimit.Ask{Pool: "bulk"}, []string{rollout.PermitID(id, appID(0)), rollout.PermitID(id, appID(1)), rollout.PermitID("r9", appID(2))}); err != nil {
			t.Fatal(err)
		}
		queue := queue.New(redisOf(t, rdb), queue.Options{})
		if err := queue.Enqueue(b.Ctx, []rollout.Assignment{{Rollout: id, AppID: appID(1), Stage: rollout.StageCommit, Fence: 7}, {Rollout: id, AppID: appID(0), Stage: rollout.StageCommit, Fence: 8}}); err != nil {
			t.Fatal(err)
		}
		inspector := asynq.NewInspectorFromRedisClient(rdb)
		if err := inspector.ArchiveTask("commit", fmt.Sprintf("%s:%s:commit:8", id, appID(0))); err != nil {
			t.Fatal(err)
		}
		want := []string{
			fmt.Sprintf("permit: app %s has a permit of the submit pool, but is not there", appID(2)),
			fmt.Sprintf("archived: app %s has a task in the archive of queue commit", appID(0)),
			fmt.Sprintf("permit: app %s has a permit of the submit pool, but is released", appID(0)),
		}
		d := b.deep(doctor.DeepOptions{})
		for _, w := range want {
			if !strings.Contains(lines(d), w) {
				t.Errorf("no %q in\n%s", w, lines(d))
			}
		}
		if d.Findings != 3 || d.Repairable != 3 || d.Permits != 3 || d.Tasks != 2 || d.Stray != 1 {
			t.Errorf("%+v", d)
		}
		d = b.deep(doctor.DeepOptions{Repair: true, Why: "tidy"})
		if d.Repaired != 3 || d.Left != 0 {
			t.Errorf("repaired %d, left %d:\n%s", d.Repaired, d.Left, lines(d))
		}
		if d = b.deep(doctor.DeepOptions{Repair: true, Why: "again"}); !d.Sound() || d.Permits != 1 || d.Tasks != 1 {
			t.Errorf("after the repair: %+v", d)
		}
		log, err := b.Ledger.Actions(b.Ctx, id)
		if err != nil || log[len(log)-1].Why != "repaired archived 1, permit 1: tidy" || log[len(log)-1].By != "li@ops1" {
			t.Errorf("log %+v, %v", log, err)
		}
	})
}

// redisOf is a client of the same Redis that a queue may put a hook on.
func redisOf(t *testing.T, rdb redis.UniversalClient) redis.UniversalClient {
	t.Helper()
	one := redis.NewClient(rdb.(*redis.Client).Options())
	t.Cleanup(func() { _ = one.Close() })
	return one
}

func TestDeepCheckOfNamedRollouts(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 3)
	if err := b.Redis.Del(b.Ctx, "wxr:{ledger}:ready:"+id+":preflight").Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.Redis.HSet(b.Ctx, "wxr:{ledger}:names", "x", "gone").Err(); err != nil {
		t.Fatal(err)
	}
	d := b.deep(doctor.DeepOptions{Rollouts: []string{id}, Repair: true, Why: "x"})
	if d.Rollouts != 1 || d.Targets != 3 || d.Repaired != 3 || d.Faults[fsck.FaultIndex] != 3 || d.Findings != 3 {
		t.Errorf("%+v", d)
	}
	b.Sound(id)
	if d = b.deep(doctor.DeepOptions{}); d.Findings != 1 || d.List[0].Text != "the rollout is not there, but in names" {
		t.Errorf("%+v", d)
	}
}
