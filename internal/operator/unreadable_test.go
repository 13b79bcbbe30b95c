package operator_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// TestUnreadableStopsNoOther harms one rollout in each way that its keys can be harmed,
// and lists, explains, archives and applies others.
func TestUnreadableStopsNoOther(t *testing.T) {
	t.Parallel()
	const root = "wxr:{ledger}:"
	for name, harm := range map[string]func(b *bench, id string) error{
		"plan":   func(b *bench, id string) error { return b.rdb.HSet(b.ctx, root+"r:"+id, "plan", "{").Err() },
		"gate":   func(b *bench, id string) error { return b.rdb.HSet(b.ctx, root+"r:"+id, "gate:0", "?").Err() },
		"count":  func(b *bench, id string) error { return b.rdb.HSet(b.ctx, root+"n:"+id, "garbage", "1").Err() },
		"record": func(b *bench, id string) error { return b.rdb.Set(b.ctx, root+"r:"+id, "garbage", 0).Err() },
		"counts": func(b *bench, id string) error { return b.rdb.Set(b.ctx, root+"n:"+id, "garbage", 0).Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			done := b.apply(strings.Replace(simple, "spring", "autumn", 1), 3)
			b.work()
			bad := b.apply(strings.Replace(simple, "spring", "winter", 1), 2)
			good := b.apply(simple, 3)
			if err := harm(b, bad); err != nil {
				t.Fatal(err)
			}
			named := func(what string, err error) {
				t.Helper()
				broken, rest := ledger.Broken(err)
				if rest != nil || len(broken) != 1 || broken[0].Rollout != bad {
					t.Errorf("%s: %v, want rollout %s named, and nothing else", what, err, bad)
				}
			}
			list, err := b.op.Rollouts(b.ctx, 0, 20)
			named("get rollouts", err)
			status := make(map[string]rollout.Status)
			for _, s := range list {
				status[s.ID] = s.Status
			}
			if len(status) != 3 || status[done] != rollout.StatusDone || status[good] != rollout.StatusRunning || status[bad] != operator.StatusUnreadable {
				t.Errorf("listed %v", status)
			}
			e, err := b.op.Why(b.ctx, appID(2), "")
			if err != nil || len(e.Places) != 2 || len(e.Unreadable) != 1 || !strings.Contains(e.Unreadable[0], bad) {
				t.Errorf("why: %+v %v", e, err)
			}
			old, err := b.op.Archivable(b.ctx, 0)
			named("archive --older-than", err)
			if len(old) != 1 || old[0].ID != done {
				t.Errorf("archivable %+v", old)
			}
			if _, err := b.op.Archive(b.ctx, done, operator.ArchiveOptions{File: filepath.Join(t.TempDir(), "a.jsonl.gz")}); err != nil {
				t.Errorf("archive: %v", err)
			}
			_, err = b.fleet.NeedsMerchant(b.ctx)
			named("needs-merchant", err)
			if r, err := b.op.Rollout(b.ctx, ""); err != nil || r.ID != good {
				t.Errorf("the only readable one: %s %v", r.ID, err)
			}
			if _, err := b.op.Rollout(b.ctx, bad); !errors.As(err, new(*ledger.BrokenError)) {
				t.Errorf("the harmed one: %v", err)
			}
			p := b.plan(strings.Replace(simple, "spring", "summer", 1), 1)
			if !slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, bad) }) {
				t.Errorf("plan warns of %q", p.Warnings)
			}
			if a, err := b.op.Launcher().Apply(b.ctx, p, launch.ApplyOptions{}); err != nil || a.Outcome != launch.OutcomeCreated {
				t.Errorf("apply: %+v %v", a, err)
			}
		})
	}
}

// TestUnreadableTarget: the others of its rollout are listed, and why goes on to other
// rollouts.
func TestUnreadableTarget(t *testing.T) {
	t.Parallel()
	b := mini(t)
	first := b.apply(strings.Replace(simple, "spring", "autumn", 1), 3)
	second := b.apply(simple, 3)
	if err := b.rdb.HSet(b.ctx, "wxr:{ledger}:t:"+second, appID(1), "garbage").Err(); err != nil {
		t.Fatal(err)
	}
	e, err := b.op.Why(b.ctx, appID(1), "")
	if err != nil || len(e.Places) != 1 || e.Places[0].Rollout != first || len(e.Unreadable) != 1 || !strings.Contains(e.Unreadable[0], second+"/"+appID(1)) {
		t.Errorf("why: %+v %v", e, err)
	}
	_, err = b.op.Failures(b.ctx, b.rollout(second))
	if broken, rest := ledger.Broken(err); rest != nil || len(broken) != 1 || broken[0].AppID != appID(1) {
		t.Errorf("failures: %v", err)
	}
}

// TestUnreadableSchedule: the others are listed and run.
func TestUnreadableSchedule(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(b *bench, key string) error{
		"next":   func(b *bench, key string) error { return b.rdb.HSet(b.ctx, key, "next", "soon").Err() },
		"record": func(b *bench, key string) error { return b.rdb.Set(b.ctx, key, "garbage", 0).Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			for _, s := range []string{"spring", "winter"} {
				if _, err := b.op.Schedule(b.ctx, b.plan(strings.Replace(simple, "spring", s, 1)+"schedule: 0 2 * * *\n", 2), launch.ApplyOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			if err := harm(b, "wxr:{ledger}:s:winter"); err != nil {
				t.Fatal(err)
			}
			list, err := b.op.Schedules(b.ctx)
			if len(list) != 1 || list[0].Name != "spring" || err == nil || !strings.Contains(err.Error(), "winter") {
				t.Errorf("listed %+v, %v", list, err)
			}
			b.advance(24 * time.Hour)
			fired, err := b.op.Launcher().FireDue(b.ctx)
			if len(fired) != 1 || fired[0].Schedule != "spring" || !strings.Contains(fmt.Sprint(err), "winter") {
				t.Errorf("fired %+v, %v", fired, err)
			}
		})
	}
}
