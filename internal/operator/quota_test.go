package operator_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

func TestQuota(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.wx.Apps = []string{appID(70)}
	want := &operator.LiveQuota{Rest: 10, Limit: 20, SpeedupRest: 1, SpeedupLimit: 2, AppID: appID(70)}
	if q, err := b.op.Quota(b.ctx, ""); err != nil || len(q.Pools) != 7 || q.Pools[0].Stage != rollout.StageSubmit || cmp.Diff(want, q.Live) != "" {
		t.Errorf("through an authorized app: %+v %v", q, err)
	}
	b.apply(simple, 1)
	want.AppID = appID(0)
	if q, err := b.op.Quota(b.ctx, ""); err != nil || cmp.Diff(want, q.Live) != "" {
		t.Errorf("through an app of a rollout: %+v %v", q.Live, err)
	}
	want.AppID = appID(5)
	if q, err := b.op.Quota(b.ctx, appID(5)); err != nil || cmp.Diff(want, q.Live) != "" {
		t.Errorf("through a named app: %+v %v", q.Live, err)
	}
	b.wx.Errs["QueryQuota"] = &wxclient.Error{Code: -1}
	if q, err := b.op.Quota(b.ctx, ""); err != nil || q.Live != nil || q.Note == "" {
		t.Errorf("WeChat is busy: %+v %v", q, err)
	}
	if _, err := b.op.Quota(b.ctx, appID(5)); err == nil {
		t.Error("a named app that doesn't answer is no error")
	}
}

func TestOpenPool(t *testing.T) {
	t.Parallel()
	b := mini(t)
	if err := b.pools.Close(b.ctx, rollout.StageSubmit, ratelimit.Refusal{Reason: "85085"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	was, err := b.op.OpenPool(b.ctx, rollout.StageSubmit, "read wrongly")
	if err != nil || was.Open() || was.Reason != "85085" || !strings.Contains(was.Words, known(t, 85085)) || !was.RetryAt.Equal(newYear.Add(time.Hour)) {
		t.Errorf("was %+v: %v", was, err)
	}
	if pools, err := b.op.Pools(b.ctx); err != nil || !pools[0].Open() {
		t.Errorf("is %+v: %v", pools[0], err)
	}
	if _, err := b.op.OpenPool(b.ctx, rollout.StageSubmit, "again"); err != nil {
		t.Error(err)
	}
	q, err := b.op.Quota(b.ctx, "")
	if err != nil || len(q.Actions) != 1 { // opening an open one is nothing to note
		t.Fatalf("noted %+v: %v", q.Actions, err)
	}
	if a := q.Actions[0]; !strings.Contains(a.From, "85085") || a.To != "open" || a.By == "" || a.Why != "read wrongly" || !a.Time().Equal(newYear) {
		t.Errorf("noted %+v", a)
	}
	if _, err := b.op.OpenPool(b.ctx, "audit", ""); err == nil {
		t.Error("a stage that isn't one has a pool")
	}
}

// A penalty is said wherever somebody looks, of each rollout that has something to
// submit, with what to do.
func TestPunished(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.apply(simple, 2)
	if err := b.pools.Close(b.ctx, rollout.StageSubmit, ratelimit.Refusal{Reason: "86008"}, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	const says = "punished: errcode 86008"
	q, err := b.op.Quota(b.ctx, "")
	if err != nil || !strings.HasPrefix(q.Pools[0].Words, says) || !strings.Contains(q.Pools[0].Next(), "enqueue quota open submit") {
		t.Errorf("quota says %+v, %v", q.Pools[0], err)
	}
	if list, err := b.op.Rollouts(b.ctx, 0, 9); err != nil || len(list) != 1 || !strings.HasPrefix(list[0].Halted, says) {
		t.Errorf("rollouts: %+v, %v", list, err)
	}
	for s, err := range b.op.Watch(b.ctx, id, time.Hour) {
		if err != nil || !strings.HasPrefix(s.Halted, says) || !s.Pools[0].Punished {
			t.Errorf("watch: %+v, %v", s, err)
		}
		break
	}
	if _, err := b.op.Pause(b.ctx, id, "86008"); err != nil {
		t.Fatal(err)
	}
	if e, err := b.op.Why(b.ctx, appID(0), ""); err != nil || !strings.Contains(e.Places[0].Next, "enqueue quota open submit") {
		t.Errorf("why: %+v, %v", e.Places, err)
	}
	if _, err := b.op.OpenPool(b.ctx, rollout.StageSubmit, "over"); err != nil {
		t.Fatal(err)
	}
	if list, err := b.op.Rollouts(b.ctx, 0, 9); err != nil || list[0].Halted != "" {
		t.Errorf("after it: %+v, %v", list, err)
	}
}

// levels are the results as "name level".
func levels(results []operator.Result) []string {
	var out []string
	for _, r := range results {
		out = append(out, r.Name+" "+string(r.Level))
	}
	return out
}

// result is the one of a name.
func result(t *testing.T, results []operator.Result, name string) operator.Result {
	t.Helper()
	i := slices.IndexFunc(results, func(r operator.Result) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no result %s in %q", name, levels(results))
	}
	return results[i]
}

func TestCheckHealthy(t *testing.T) {
	t.Parallel()
	b := setupReal(t)
	b.hire()
	b.wx.Apps = []string{appID(0)}
	got := levels(b.op.Check(b.ctx, ""))
	want := []string{
		"redis ok", "clock ok", "redis clock ok", "redis append-only file warn", "redis maxmemory-policy ok",
		"credentials ok", "template library ok", "authorized apps ok", "submission quota ok",
		"calls of /wxa/commit ok", "calls of /wxa/submit_audit ok", "calls of /wxa/release ok",
		"platform ok", "workers ok", "queues ok", "submit pool ok",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestCheckFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		spoil  func(b *bench)
		result string
		level  operator.Level
		says   string // part of detail and hint
		cred   bool
	}{
		{"address", func(b *bench) {
			b.wx.Errs["Templates"] = &wxclient.Error{Code: 61004, Class: wxclient.ClassFatalConfig, Msg: "access clientip is not registered requestIP: 203.0.113.9"}
		}, "credentials", operator.LevelFail, "add 203.0.113.9 to the IP allow-list", true},
		{"empty library", func(b *bench) { b.wx.Library = nil }, "template library", operator.LevelWarn, "empty", false},
		{"full library", func(b *bench) { b.wx.Library = make([]wxclient.Template, 190) }, "template library", operator.LevelWarn, "delete old ones", false},
		{"no apps", func(b *bench) { b.wx.Apps = nil }, "authorized apps", operator.LevelWarn, "no merchant", false},
		{"quota used up", func(b *bench) { b.wx.Quota.Rest = 0 }, "submission quota", operator.LevelWarn, "next month", false},
		{"no quota", func(b *bench) { b.wx.Quota = wxclient.Quota{} }, "submission quota", operator.LevelFail, "ask WeChat", false},
		{"calls used up", func(b *bench) { b.wx.Calls.Remain = 3 }, "calls of /wxa/commit", operator.LevelWarn, "3 of 100", false},
		{"no workers", func(*bench) {}, "workers", operator.LevelFail, "start cmd/worker", false},
		{"half a worker", func(b *bench) {
			if err := b.ledger.Heartbeat(b.ctx, "w", map[rollout.QueueName]int{rollout.QueueCommit: 1}, time.Hour); err != nil {
				b.t.Fatal(err)
			}
		}, "workers", operator.LevelFail, "audit, release", false},
		{"closed pool", func(b *bench) {
			if err := b.pools.Close(b.ctx, rollout.StageSubmit, ratelimit.Refusal{Reason: "86008"}, time.Hour); err != nil {
				b.t.Fatal(err)
			}
		}, "submit pool", operator.LevelWarn, "86008", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			b.wx.Apps = []string{appID(0)}
			tt.spoil(b)
			r := result(t, b.op.Check(b.ctx, ""), tt.result)
			if r.Level != tt.level || !strings.Contains(r.Detail+" "+r.Hint, tt.says) || r.Credentials != tt.cred {
				t.Errorf("%+v, want %s %q", r, tt.level, tt.says)
			}
		})
	}
}

func TestCheckOffline(t *testing.T) {
	t.Parallel()
	b := mini(t)
	d := b.deps()
	d.WeChat = nil
	if r := result(t, operator.New(d).Check(b.ctx, ""), "credentials"); r.Level != operator.LevelFail || !r.Credentials || !strings.Contains(r.Hint, "WXROLLOUT_SEAL_KEY") {
		t.Errorf("%+v", r)
	}
}

func TestCheckRedisGone(t *testing.T) {
	t.Parallel()
	b := mini(t)
	if err := b.rdb.Close(); err != nil {
		t.Fatal(err)
	}
	d := b.deps()
	d.Now = time.Now
	if r := result(t, operator.New(d).Check(b.ctx, ""), "redis"); r.Level != operator.LevelFail || r.Hint == "" {
		t.Errorf("%+v", r)
	}
}
