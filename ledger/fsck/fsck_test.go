package fsck_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
)

// fsck is what a check finds.
func (b *bench) fsck(o fsck.Options) []fsck.Finding {
	b.Helper()
	return findings(b.T, b.rdb, o)
}

func findings(t interface{ Fatal(...any) }, rdb redis.UniversalClient, o fsck.Options) []fsck.Finding {
	var list []fsck.Finding
	o.See = func(f fsck.Finding) { list = append(list, f) }
	o.By, o.Why, o.Waits = "li", "test", []string{"throttle-app"}
	if _, err := fsck.Check(context.Background(), rdb, o); err != nil {
		t.Fatal(err)
	}
	return list
}

// digest is what must not change by a repair: each target's stage, state, reason,
// fence, rank and body.
func digest(t interface{ Fatal(...any) }, rdb redis.UniversalClient, ids ...string) map[string]string {
	out := make(map[string]string)
	for _, id := range ids {
		all, err := rdb.HGetAll(context.Background(), root+"t:"+id).Result()
		if err != nil {
			t.Fatal(err)
		}
		for app, record := range all {
			if f := strings.SplitN(record, "|", 8); len(f) == 8 {
				f[4], f[5] = "version", "due"
				record = strings.Join(f, "|")
			}
			out[id+" "+app] = record
		}
	}
	return out
}

var when = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// words are findings as text, with a field each, sorted.
func words(list []fsck.Finding, field func(fsck.Finding) string, now int64) []string {
	out := make([]string, 0, len(list))
	for _, f := range list {
		text := f.Rollout + " " + f.String() + " => " + field(f)
		out = append(out, when.ReplaceAllString(relative(strings.TrimSpace(text), now), "TIME"))
	}
	slices.Sort(out)
	return out
}

func TestFindsAndRepairsDamage(t *testing.T) {
	t.Parallel()
	type b = *bench
	far := func(b b, app, from, due string) error {
		record := b.rdb.HGet(b.Context(), root+"t:r1", app).Val()
		f := strings.SplitN(record, "|", 8)
		f[2], f[5] = from, due
		return b.rdb.HSet(b.Context(), root+"t:r1", app, strings.Join(f, "|")).Err()
	}
	const never = 4102444800000 // 2100
	for _, tc := range []struct {
		name   string
		damage func(b) error
		want   []string // found, and what was done
		left   []string // found after, with the advice
		more   int      // found by looking, and repaired with the others
	}{
		{"none", func(b) error { return nil }, nil, nil, 0},
		{"a pending target fell out of its index", func(b b) error {
			return b.rdb.ZRem(b.Context(), root+"ready:r1:preflight", "wx004").Err()
		}, []string{`r1 index: app wx004 is pending at preflight and listed in "", not in "ready:preflight=4" => put it into ready:r1:preflight`}, nil, 0},
		{"a parked one is in two", func(b b) error {
			return b.rdb.ZAdd(b.Context(), root+"leases:audit", z(7, "r1 wx001")).Err()
		}, []string{`r1 index: app wx001 is parked at preflight and listed in "leases:audit=7 wake=3600000", not in "wake=3600000" => took it out of leases:audit`}, nil, 0},
		{"at another rank", func(b b) error {
			return b.rdb.ZAdd(b.Context(), root+"ready:r1:commit", z(9, "wx003")).Err()
		}, []string{`r1 index: app wx003 is pending at commit and listed in "ready:commit=9", not in "ready:commit=3" => put it into ready:r1:commit`}, nil, 0},
		{"an ended one waits and is owned", func(b b) error {
			return errors.Join(b.rdb.ZAdd(b.Context(), root+"wake", z(7, "r1 wx002")).Err(), b.rdb.HSet(b.Context(), root+"owners", "wx002", "r1").Err())
		}, []string{
			`r1 index: app wx002 is up-to-date at preflight and listed in "wake=7", not in "" => took it out of wake; freed it`,
			"r1 owner: app wx002 is up-to-date and still owned => took it out of wake; freed it",
		}, nil, 0},
		{"a running one is another's, which is gone", func(b b) error {
			return b.rdb.HSet(b.Context(), root+"owners", "wx000", "r9").Err()
		}, []string{
			`r1 owner: app wx000 is running, but owned by "r9" => made its rollout the owner`,
		}, nil, 1},
		{"counts are off", func(b b) error {
			return errors.Join(
				b.rdb.HIncrBy(b.Context(), root+"n:r1", "0|preflight|pending|", 2).Err(),
				b.rdb.HSet(b.Context(), root+"n:r1", "7|release|failed|", -1).Err(),
				b.rdb.HSet(b.Context(), root+"n:r1", "garbage", 1).Err())
		}, []string{
			"r1 count: cell 0|preflight|pending| counts +2 too many => recounted the targets",
			"r1 count: cell 7|release|failed| counts -1 too many => recounted the targets",
			`r1 count: count cell "garbage": want wave|stage|state|reason => recounted the targets`,
		}, nil, 0},
		{"a record is gone", func(b b) error {
			return b.rdb.HDel(b.Context(), root+"t:r1", "wx001").Err()
		}, []string{
			"r1 count: cell 0|preflight|parked|merchant counts +1 too many => recounted the targets",
			`r1 orphan: app wx001 is not there, but listed in "wake=3600000" => took it out of wake; freed it`,
			"r1 total: the plan has 6 targets, the ledger 5 =>",
		}, []string{"r1 total: the plan has 6 targets, the ledger 5 => find the missing apps in the app list, and apply a plan for them"}, 1},
		{"a record is broken", func(b b) error {
			return b.rdb.HSet(b.Context(), root+"t:r1", "wx004", "pending").Err()
		}, []string{
			"r1 count: cell 0|preflight|pending| counts +1 too many =>",
			`r1 record: app wx004 can't be read: ledger record of r1/wx004: bad header in "pending" =>`,
		}, []string{
			"r1 count: cell 0|preflight|pending| counts +1 too many => repair or give up the records that can't be read, and repair again",
			`r1 record: app wx004 can't be read: ledger record of r1/wx004: bad header in "pending" => no repair can restore its state: restore the field from a backup of Redis, or give the target up (redis-cli HDEL wxr:{ledger}:t:r1 wx004), repair again, and apply a plan for the app again`,
		}, 0},
		{"the controller forgot it", func(b b) error {
			return b.rdb.ZRem(b.Context(), root+"active", "r1").Err()
		}, []string{"r1 asleep: it is running with 5 targets unfinished => put it into active"}, nil, 0},
		{"it is done too early", func(b b) error {
			return errors.Join(b.rdb.HSet(b.Context(), root+"r:r1", "status", "done").Err(),
				b.rdb.ZRem(b.Context(), root+"active", "r1").Err(), b.rdb.Del(b.Context(), root+"n:r0").Err())
		}, []string{
			"r0 count: cell 0|preflight|pending| counts -2 too many => recounted the targets",
			"r1 asleep: it is done with 5 targets unfinished => paused it",
		}, nil, 0},
		{"a done one is active", func(b b) error {
			return b.rdb.ZAdd(b.Context(), root+"active", z(7, "r2")).Err()
		}, []string{"r2 active: it is done, but still in active => took it out of active"}, nil, 0},
		{"an ended one's target is in shared indexes", func(b b) error {
			return errors.Join(b.rdb.ZAdd(b.Context(), root+"wake", z(7, "r2 wx000")).Err(), b.rdb.ZAdd(b.Context(), root+"leases:audit", z(7, "r2 wx000")).Err(),
				b.rdb.HSet(b.Context(), root+"owners", "wx001", "r2").Err())
		}, []string{
			`r2 index: app wx000 is skipped at preflight and listed in "leases:audit=7 wake=7", not in "" => took it out of leases:audit, wake`,
			"r2 owner: app wx001 is skipped and still owned => freed it",
		}, nil, 0},
		{"rollouts are named that are not there", func(b b) error {
			return errors.Join(
				b.rdb.ZAdd(b.Context(), root+"active", z(7, "r7")).Err(), b.rdb.ZAdd(b.Context(), root+"rollouts", z(7, "r7")).Err(),
				b.rdb.HSet(b.Context(), root+"names", "x", "r8").Err(), b.rdb.HSet(b.Context(), root+"owners", "wx009", "r7").Err(),
				b.rdb.ZAdd(b.Context(), root+"wake", z(7, "r7 wx001")).Err(), b.rdb.ZAdd(b.Context(), root+"leases:release", z(never, "what")).Err())
		}, []string{
			"orphan: \"what\" in leases:release names no target => took it out of leases:release",
			"r7 orphan: app wx009 is not there, but owned => freed it",
			`r7 orphan: app wx001 is not there, but listed in "wake=7" => took it out of wake`,
			"r7 orphan: the rollout is not there, but in active => took it out of active",
			"r7 orphan: the rollout is not there, but in rollouts => took it out of rollouts",
			"r8 orphan: the rollout is not there, but in names => took it out of names",
		}, nil, 0},
		{"a rollout is not in the list", func(b b) error {
			return b.rdb.ZRem(b.Context(), root+"rollouts", "r1").Err()
		}, []string{"r1 unlisted: it is not in the list of rollouts => put it into rollouts"}, nil, 0},
		{"a target waits for ever", func(b b) error {
			return errors.Join(far(b, "wx001", "merchant", fmt.Sprint(never)), b.rdb.ZAdd(b.Context(), root+"wake", z(never, "r1 wx001")).Err())
		}, []string{"r1 parking: app wx001 is parked for merchant until TIME => woke it"}, nil, 0},
		{"an assignment lasts for ever", func(b b) error {
			return errors.Join(far(b, "wx000", "", fmt.Sprint(never)), b.rdb.ZAdd(b.Context(), root+"leases:commit", z(never, "r1 wx000")).Err())
		}, []string{
			"r1 lease: app wx000 has an assignment until TIME => cut its lease",
		}, nil, 0},
		{"a schedule is off", func(b b) error {
			b.must(errOf(b.PutSchedule(b.Context(), ledger.Schedule{Name: "monthly", Digest: "d", Plan: plan("monthly", 0), NextRun: time.UnixMilli(never)})))
			b.must(b.SealSchedule(b.Context(), "monthly", 0))
			return errors.Join(b.rdb.ZAdd(b.Context(), root+"schedules", z(7, "gone")).Err(), b.rdb.ZAdd(b.Context(), root+"schedules", z(7, "monthly")).Err())
		}, []string{
			"orphan: schedule gone is not there, but in schedules => took it out of schedules",
			"schedule: schedule monthly is not due at its next run => set its next run",
		}, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(b *bench) {
				b.finish("r2", 2)
				b.load("r0", 2)
				b.spread("r1", 6)
				b.must(tc.damage(b))
				before := digest(b, b.rdb, "r0", "r1", "r2")
				now := b.rdb.Time(b.Context()).Val().UnixMilli()
				same := func(what string, want, got []string) {
					b.Helper()
					want = slices.Clone(want)
					slices.Sort(want)
					if diff := cmp.Diff(want, got, cmp.Transformer("", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
						b.Errorf("%s (-want +got):\n%s", what, diff)
					}
				}
				plain := words(b.fsck(fsck.Options{}), func(fsck.Finding) string { return "" }, now)
				if len(plain) != len(tc.want)+tc.more {
					b.Errorf("looking finds %q", plain)
				}
				done := func(f fsck.Finding) string { return f.Done }
				same("repair", tc.want, words(b.fsck(fsck.Options{Repair: true}), done, now))
				advice := func(f fsck.Finding) string { return f.Advice }
				same("after", tc.left, words(b.fsck(fsck.Options{Ended: true}), advice, now))
				for _, f := range b.fsck(fsck.Options{Repair: true, Ended: true}) {
					if f.Done != "" {
						b.Errorf("the second repair still did %q about %v", f.Done, f)
					}
				}
				if diff := cmp.Diff(before, digest(b, b.rdb, "r0", "r1", "r2")); diff != "" {
					b.Errorf("a repair changed targets (-was +is):\n%s", diff)
				}
			})
		})
	}
}

// errOf drops a first result.
func errOf[T any](_ T, err error) error { return err }

// finish stores a rollout that is done.
func (b *bench) finish(id string, n int) {
	b.Helper()
	b.load(id, n)
	for i := range n {
		x := b.begin(id, fmt.Sprintf("wx%03d", i))
		b.step(x, rollout.Finished{At: at, End: rollout.StateSkipped})
	}
	b.must(b.Finish(b.Context(), id))
}

// Findings that need a person are reported and not repaired.
func TestLeavesToAPerson(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.spread("r1", 6)
		x := b.begin("r1", "wx004")
		b.step(x, rollout.Failed{At: at, LastError: rollout.LastError{Class: "throttle-app", Code: 45009}})
		f := b.fsck(fsck.Options{Repair: true})
		if len(f) != 1 || f[0].Done != "" || f[0].String() != "parking: app wx004 is failed for throttle-app, which only asks to wait" || f[0].Advice != "enqueue retry r1 --app wx004" {
			b.Errorf("%+v", f)
		}
	})
}

func TestNamedRollouts(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 2)
		b.load("r2", 3)
		b.must(b.rdb.Del(b.Context(), root+"ready:r1:preflight", root+"ready:r2:preflight").Err())
		if f := b.fsck(fsck.Options{Rollouts: []string{"r2"}}); len(f) != 3 || f[0].Rollout != "r2" {
			b.Errorf("%v", f)
		}
		_, err := fsck.Check(b.Context(), b.rdb, fsck.Options{Rollouts: []string{"r9"}})
		if !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("an unknown rollout: %v", err)
		}
	})
}

// Beside workers that move every target all the time, an inspection finds what is
// wrong, nothing else, and repairs it.
func TestBesideWorkers(t *testing.T) {
	t.Parallel()
	const n = 400
	rdb := redistest.Start(t).Client(t)
	l := store{ledger.New(rdb, ledger.Options{})}
	if err := l.load(t.Context(), "r1", n); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	g, ctx := errgroup.WithContext(ctx)
	for range 2 {
		g.Go(func() error { return churn(ctx, l) })
	}
	// What is to be found moving moves on every page, however slow the workers are.
	check := func(o fsck.Options, moving int, want string) {
		t.Helper()
		var list []fsck.Finding
		o.Progress = func(int, int) {
			for range moving {
				if err := churnOnce(t.Context(), l); err != nil {
					t.Error(err)
				}
			}
		}
		o.See = func(f fsck.Finding) { list = append(list, f) }
		in, err := fsck.Check(t.Context(), rdb, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(list); got != want || len(in.Moving) != moving || in.Targets < n {
			t.Errorf("%d targets, moving %v: %s, want moving %d: %s", in.Targets, in.Moving, got, moving, want)
		}
	}
	const few = 10 // too many to be counted at once
	for range 3 {
		check(fsck.Options{}, 0, "[]")
		check(fsck.Options{AtOnce: few}, 1, "[]")
	}
	if err := rdb.HIncrBy(t.Context(), root+"n:r1", "5|check|pending|", 1).Err(); err != nil {
		t.Fatal(err)
	}
	check(fsck.Options{AtOnce: few}, 1, "[count: targets: 401 are counted, 400 are there count: check: 1 are counted, 0 are there]")
	check(fsck.Options{}, 0, "[count: cell 5|check|pending| counts +1 too many]")
	check(fsck.Options{Repair: true}, 0, "[count: cell 5|check|pending| counts +1 too many]")
	check(fsck.Options{}, 0, "[]")
	stop()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	check(fsck.Options{AtOnce: few}, 0, "[]")
}

// A rollout too large to be counted at once is counted at rest.
func TestCountsAtRest(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 30)
		b.must(b.rdb.Del(b.Context(), root+"n:r1").Err())
		f := b.fsck(fsck.Options{AtOnce: 10, Repair: true})
		if len(f) != 1 || f[0].Done != "recounted the targets" {
			b.Errorf("%+v", f)
		}
		b.sound("r1")
	})
}

// TestLarge says what an inspection of 100,000 targets takes.
func TestLarge(t *testing.T) {
	t.Parallel()
	const n = 100_000
	rdb := redistest.Start(t).Client(t)
	l := store{ledger.New(rdb, ledger.Options{})}
	if err := l.load(t.Context(), "r1", n); err != nil {
		t.Fatal(err)
	}
	if err := rdb.ZRemRangeByRank(t.Context(), root+"ready:r1:preflight", 0, 9999).Err(); err != nil {
		t.Fatal(err)
	}
	for _, o := range []fsck.Options{{Repair: true}, {}} {
		runtime.GC()
		var before, m runtime.MemStats
		runtime.ReadMemStats(&before)
		var peak, pages atomic.Uint64
		o.Progress = func(int, int) {
			if pages.Add(1)%50 == 0 {
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
		found := 0
		o.See = func(fsck.Finding) { found++ }
		began := time.Now()
		in, err := fsck.Check(t.Context(), rdb, o)
		if err != nil || in.Targets != n {
			t.Fatalf("%d targets, %v", in.Targets, err)
		}
		t.Logf("%d targets, %d findings, repair %t: %s, heap at most %d KiB above the %d KiB before",
			in.Targets, found, o.Repair, time.Since(began).Round(time.Millisecond), int64(peak.Load()-min(peak.Load(), before.HeapAlloc))/1024, before.HeapAlloc/1024)
	}
	if f := findings(t, rdb, fsck.Options{Rollouts: []string{"r1"}}); len(f) > 0 {
		t.Errorf("after the repair: %v", f)
	}
}

// Two rollouts that both have an assignment for an app: a repair takes it from neither.
func TestLeavesTwoAssignments(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.spread("r1", 6)
		b.load("r2", 1)
		b.must(b.rdb.HDel(b.Context(), root+"owners", "wx000").Err())
		b.begin("r2", "wx000")
		f := b.fsck(fsck.Options{Repair: true})
		if len(f) != 1 || f[0].Fault != fsck.FaultOwner || f[0].Done != "" || !strings.Contains(f[0].Advice, "rollout r2 has an assignment for it as well") {
			b.Errorf("%+v", f)
		}
		if id, err := b.Owner(b.Context(), "wx000"); id != "r2" || err != nil {
			b.Errorf("owner %q, %v", id, err)
		}
		b.advance(2 * lease) // both assignments are over, and not taken back yet
		for range 2 {
			if f = b.fsck(fsck.Options{Repair: true}); len(f) != 1 || f[0].Rollout != "r1" || f[0].Done != "" {
				b.Errorf("%+v", f)
			}
		}
		b.must(errOf(b.ExpireDue(b.Context(), 10)))
		b.must(errOf(b.WakeDue(b.Context(), 10)))
		if f = b.fsck(fsck.Options{}); len(f) != 0 {
			b.Errorf("%+v", f)
		}
	})
}
