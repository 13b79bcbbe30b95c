package operator_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/archive"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// TestUnreadableStopsNoOther harms one rollout in each way that its keys can be harmed,
// and lists, explains, archives and applies others.
func TestUnreadableStopsNoOther(t *testing.T) {
	t.Parallel()
	const root = "wxr:{ledger}:"
	for name, harm := range map[string]func(b *bench, id string) error{
		"plan":   func(b *bench, id string) error { return b.Redis.HSet(b.Ctx, root+"r:"+id, "plan", "{").Err() },
		"gate":   func(b *bench, id string) error { return b.Redis.HSet(b.Ctx, root+"r:"+id, "gate:0", "?").Err() },
		"count":  func(b *bench, id string) error { return b.Redis.HSet(b.Ctx, root+"n:"+id, "garbage", "1").Err() },
		"record": func(b *bench, id string) error { return b.Redis.Set(b.Ctx, root+"r:"+id, "garbage", 0).Err() },
		"counts": func(b *bench, id string) error { return b.Redis.Set(b.Ctx, root+"n:"+id, "garbage", 0).Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			done := b.Apply(strings.Replace(simple, "spring", "autumn", 1), 3)
			b.Work()
			bad := b.Apply(strings.Replace(simple, "spring", "winter", 1), 2)
			good := b.Apply(simple, 3)
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
			list, err := b.Operator.Rollouts(b.Ctx, 0, 20)
			named("get rollouts", err)
			status := make(map[string]rollout.Status)
			for _, s := range list {
				status[s.ID] = s.Status
			}
			if len(status) != 3 || status[done] != rollout.StatusDone || status[good] != rollout.StatusRunning || status[bad] != view.StatusUnreadable {
				t.Errorf("listed %v", status)
			}
			e, err := b.Operator.Why(b.Ctx, appID(2), "")
			if err != nil || len(e.Places) != 2 || len(e.Unreadable) != 1 || !strings.Contains(e.Unreadable[0], bad) {
				t.Errorf("why: %+v %v", e, err)
			}
			old, err := b.Archiver.Archivable(b.Ctx, 0)
			named("archive --older-than", err)
			if len(old) != 1 || old[0].ID != done {
				t.Errorf("archivable %+v", old)
			}
			if _, err := b.Archiver.Archive(b.Ctx, done, archive.Options{File: filepath.Join(t.TempDir(), "a.jsonl.gz")}); err != nil {
				t.Errorf("archive: %v", err)
			}
			_, err = b.Fleet.NeedsMerchant(b.Ctx)
			named("needs-merchant", err)
			if r, err := b.Operator.Rollout(b.Ctx, ""); err != nil || r.ID != good {
				t.Errorf("the only readable one: %s %v", r.ID, err)
			}
			if _, err := b.Operator.Rollout(b.Ctx, bad); !errors.As(err, new(*ledger.BrokenError)) {
				t.Errorf("the harmed one: %v", err)
			}
			p := b.Plan(strings.Replace(simple, "spring", "summer", 1), 1)
			if !slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, bad) }) {
				t.Errorf("plan warns of %q", p.Warnings)
			}
			if a, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{}); err != nil || a.Outcome != launch.OutcomeCreated {
				t.Errorf("apply: %+v %v", a, err)
			}
		})
	}
}

// TestUnreadableTarget: the others of its rollout are listed, undone and retried, and why goes on to
// other rollouts.
func TestUnreadableTarget(t *testing.T) {
	t.Parallel()
	b := mini(t)
	first := b.Apply(strings.Replace(simple, "spring", "autumn", 1), 3)
	second := b.Apply(simple, 3)
	if err := b.Redis.HSet(b.Ctx, "wxr:{ledger}:t:"+second, appID(1), "garbage").Err(); err != nil {
		t.Fatal(err)
	}
	e, err := b.Operator.Why(b.Ctx, appID(1), "")
	if err != nil || len(e.Places) != 1 || e.Places[0].Rollout != first || len(e.Unreadable) != 1 || !strings.Contains(e.Unreadable[0], second+"/"+appID(1)) {
		t.Errorf("why: %+v %v", e, err)
	}
	named := func(what string, err error) {
		t.Helper()
		if broken, rest := ledger.Broken(err); rest != nil || len(broken) != 1 || broken[0].AppID != appID(1) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = b.Operator.Failures(b.Ctx, b.Rollout(second))
	named("failures", err)
	_, err = b.Operator.Pause(b.Ctx, second, "")
	b.Must(err)
	undone, err := b.Operator.Undo(b.Ctx, second, view.Filter{}, "", false)
	named("undo", err)
	if undone.Reaches() != 2 {
		t.Errorf("undo: %+v, want the two others", undone)
	}
	retried, err := b.Operator.Retry(b.Ctx, second, view.Filter{States: []rollout.State{rollout.StateUndone}}, operator.RetryOptions{Recommit: true})
	named("retry", err)
	if retried.Retried != 2 {
		t.Errorf("retry: %+v, want the two others", retried)
	}
}

// TestUnreadableSchedule: the others are listed and run.
func TestUnreadableSchedule(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(b *bench, key string) error{
		"next":   func(b *bench, key string) error { return b.Redis.HSet(b.Ctx, key, "next", "soon").Err() },
		"record": func(b *bench, key string) error { return b.Redis.Set(b.Ctx, key, "garbage", 0).Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			for _, s := range []string{"spring", "winter"} {
				if _, err := b.Launcher.Schedule(b.Ctx, b.Plan(strings.Replace(simple, "spring", s, 1)+"schedule: 0 2 * * *\n", 2), launch.ApplyOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			if err := harm(b, "wxr:{ledger}:s:winter"); err != nil {
				t.Fatal(err)
			}
			list, err := b.Launcher.Schedules(b.Ctx)
			if len(list) != 1 || list[0].Name != "spring" || err == nil || !strings.Contains(err.Error(), "winter") {
				t.Errorf("listed %+v, %v", list, err)
			}
			b.Advance(24 * time.Hour)
			fired, err := b.Launcher.FireDue(b.Ctx)
			if len(fired) != 1 || fired[0].Schedule != "spring" || !strings.Contains(fmt.Sprint(err), "winter") {
				t.Errorf("fired %+v, %v", fired, err)
			}
		})
	}
}
