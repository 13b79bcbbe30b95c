package ledger_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
)

// fsck is what a check finds.
func (m *machine) fsck(t *rapid.T, o fsck.Options) []fsck.Finding {
	o.By, o.Why = "li", "test"
	_, f, err := checked(m.ctx, m.rdb, o)
	m.must(t, err)
	return f
}

// harm does one random damage to what r1 and r2 and all share, never to a record.
func (m *machine) harm(t *rapid.T) {
	id, app := anyID(t), fmt.Sprintf("wx%03d", rapid.IntRange(0, apps).Draw(t, "app")) // one that isn't there, too
	stage := rapid.SampledFrom(rollout.Stages()).Draw(t, "stage")
	score := float64(rapid.Int64Range(0, 5_000_000_000_000).Draw(t, "score"))
	index := rapid.SampledFrom([]string{"wake", "leases:commit", "leases:audit", "leases:release"}).Draw(t, "index")
	cell := rollout.Cell{Stage: stage, State: rapid.SampledFrom(rollout.States()).Draw(t, "state")}.String()
	damage := map[string]func() error{
		"add to ready":    func() error { return m.rdb.ZAdd(m.ctx, root+"ready:"+id+":"+string(stage), z(score, app)).Err() },
		"take from ready": func() error { return m.rdb.ZRem(m.ctx, root+"ready:"+id+":"+string(stage), app).Err() },
		"add to index":    func() error { return m.rdb.ZAdd(m.ctx, root+index, z(score, id+" "+app)).Err() },
		"take from index": func() error { return m.rdb.ZRem(m.ctx, root+index, id+" "+app).Err() },
		"lose ready":      func() error { return m.rdb.Del(m.ctx, root+"ready:"+id+":"+string(stage)).Err() },
		"lose index":      func() error { return m.rdb.Del(m.ctx, root+index).Err() },
		"free":            func() error { return m.rdb.HDel(m.ctx, root+"owners", app).Err() },
		"own":             func() error { return m.rdb.HSet(m.ctx, root+"owners", app, id).Err() },
		"count":           func() error { return m.rdb.HIncrBy(m.ctx, root+"n:"+id, cell, int64(score)%7-3).Err() },
		"lose counts":     func() error { return m.rdb.Del(m.ctx, root+"n:"+id).Err() },
		"forget":          func() error { return m.rdb.ZRem(m.ctx, root+"active", id).Err() },
		"unlist":          func() error { return m.rdb.ZRem(m.ctx, root+"rollouts", id).Err() },
		"remember":        func() error { return m.rdb.ZAdd(m.ctx, root+"active", z(score, id)).Err() },
	}
	what := rapid.SampledFrom(slices.Sorted(maps.Keys(damage))).Draw(t, "damage")
	m.must(t, damage[what]())
}

// digest is what must not change by a repair: each target's stage, state, reason,
// fence, rank and body.
func digest(t *rapid.T, rdb redis.UniversalClient, ids ...string) map[string]string {
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

// TestRepairOfAnything damages random ledgers at random: a repair makes them
// sound, changes no target, and has nothing to do the second time.
func TestRepairOfAnything(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		rapid.Check(t, func(r *rapid.T) {
			m := newMachine(r, t.Context(), rdb, advance)
			for range rapid.IntRange(0, 40).Draw(r, "moves") {
				rapid.SampledFrom([]func(*rapid.T){m.Claim, m.Claim, m.begin, m.begin, m.save, m.save, m.Operate, m.Steer, m.Tick}).Draw(r, "move")(r)
			}
			if f := m.fsck(r, fsck.Options{Ended: true}); len(f) > 0 {
				r.Fatalf("before any damage: %v", f)
			}
			for range rapid.IntRange(1, 8).Draw(r, "damages") {
				m.harm(r)
			}
			before := digest(r, rdb, ids()...)
			// Two running targets of one app are left until an assignment has ended.
			first := m.fsck(r, fsck.Options{Ended: true, Repair: true})
			if diff := cmp.Diff(before, digest(r, rdb, ids()...)); diff != "" {
				r.Fatalf("the repair of %v changed targets:\n%s", first, diff)
			}
			for _, f := range m.fsck(r, fsck.Options{Ended: true, Repair: true}) {
				r.Fatalf("after the repair of %v: %v, done %q", first, f, f.Done)
			}
			m.Check(r)
		})
	})
}

// begin and save are Start and Save where there is something to do.
func (m *machine) begin(t *rapid.T) {
	if len(m.assignments) > 0 {
		m.Start(t)
	}
}

func (m *machine) save(t *rapid.T) {
	if len(m.held) > 0 {
		m.Save(t)
	}
}
