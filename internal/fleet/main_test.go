package fleet_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newYear is when every bench begins.
var newYear = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// bench is a fleet on an embedded Redis whose clock the test moves.
type bench struct {
	t       *testing.T
	ctx     context.Context
	rdb     redis.UniversalClient
	ledger  *ledger.Ledger
	wx      *operatortest.WeChat
	worker  *operatortest.Worker
	readers *fleet.Readers
	fleet   *fleet.Fleet
	advance func(time.Duration)
}

func mini(t *testing.T) *bench {
	t.Helper()
	m, rdb := redistest.Mini(t)
	b := &bench{t: t, ctx: t.Context(), rdb: rdb, ledger: ledger.New(rdb, ledger.Options{}), wx: operatortest.NewWeChat()}
	b.advance = func(d time.Duration) { redistest.Advance(m, d) }
	b.advance(newYear.Sub(b.now()))
	b.worker = operatortest.New(b.ledger)
	b.readers = fleet.NewReaders(b.ledger, rdb, b.wx)
	b.fleet = fleet.New(b.deps())
	return b
}

// deps are the fleet's, to be changed by a test.
func (b *bench) deps() fleet.Deps {
	return fleet.Deps{Redis: b.rdb, Rollouts: b.ledger, Readers: b.readers, WeChat: b.wx, Now: b.now, By: "li@ops1"}
}

// now is the server's clock.
func (b *bench) now() time.Time {
	at, err := b.rdb.Time(context.WithoutCancel(b.ctx)).Result()
	if err != nil {
		b.t.Errorf("ask the time: %v", err)
	}
	return at
}

// appID is the n-th test app.
func appID(n int) string { return fmt.Sprintf("wx%016d", n) }

// start stores a running rollout of n apps in one wave.
func (b *bench) start(n int) string {
	b.t.Helper()
	const id = "spring-1"
	plan := rollout.Plan{Name: "spring", Template: rollout.Template{ID: 118, Version: "3.9.0"}, Waves: []rollout.Wave{{Name: "all", Size: n}}}
	targets := make([]rollout.Target, n)
	for i := range targets {
		targets[i] = rollout.Target{AppID: appID(i), Rank: rollout.Rank(0, i), Attempt: 1}
	}
	_, err := b.ledger.Create(b.ctx, ledger.NewRollout{ID: id, Plan: plan, Digest: "digest"})
	b.must(err)
	_, err = b.ledger.Add(b.ctx, id, targets)
	b.must(err)
	b.must(b.ledger.Seal(b.ctx, id, n, false, "test", "apply"))
	return id
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// work lets the controller and the worker move everything that can move.
func (b *bench) work() {
	b.t.Helper()
	if err := b.worker.Work(b.ctx); err != nil {
		b.t.Fatalf("work: %v", err)
	}
}

// rollout reads a rollout.
func (b *bench) rollout(id string) rollout.Rollout {
	b.t.Helper()
	r, err := b.ledger.Rollout(b.ctx, id)
	if err != nil {
		b.t.Fatalf("rollout %s: %v", id, err)
	}
	return r
}

// sound proves that the ledger's records of a rollout are consistent.
func (b *bench) sound(id string) {
	b.t.Helper()
	var found []fsck.Finding
	see := func(f fsck.Finding) { found = append(found, f) }
	if _, err := fsck.Check(b.ctx, b.rdb, fsck.Options{Rollouts: []string{id}, See: see}); err != nil || len(found) > 0 {
		b.t.Errorf("check of %s: %v %v", id, found, err)
	}
}

// add puts an app into the registry with facts.
func (b *bench) add(app string, facts apps.Facts) {
	b.t.Helper()
	now := apps.At(b.now())
	_, err := apps.New(b.rdb).Change(b.ctx, []string{app}, func(a *apps.App) bool { return a.Join(now) && a.Learn(now, facts) })
	b.must(err)
}
