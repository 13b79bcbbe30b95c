package operator_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/tasks/pool"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // reports and words show local times
	goleak.VerifyTestMain(m)
}

// newYear is when every bench begins.
var newYear = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// bench is an operator on a Redis whose clock the test moves.
type bench struct {
	t       *testing.T
	ctx     context.Context
	rdb     redis.UniversalClient
	ledger  *ledger.Ledger
	pools   *pool.Pools
	wx      *operatortest.WeChat
	worker  *operatortest.Worker
	op      *operator.Operator
	fleet   *fleet.Fleet
	library *library.Library
	advance func(time.Duration)
}

// setup makes a bench on a Redis.
func setup(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) *bench {
	t.Helper()
	b := &bench{t: t, ctx: t.Context(), rdb: rdb, ledger: ledger.New(rdb, ledger.Options{}), wx: operatortest.NewWeChat(), advance: advance}
	advance(newYear.Sub(b.now()))
	b.pools = pool.New(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{Metered: name == string(rollout.StageSubmit)})
	}, pool.Options{})
	b.worker = operatortest.New(b.ledger)
	d := b.deps()
	b.op, b.fleet, b.library = operator.New(d), d.Fleet, d.Library
	return b
}

// mini is a bench on an embedded Redis.
func mini(t *testing.T) *bench {
	t.Helper()
	m, rdb := redistest.Mini(t)
	return setup(t, rdb, func(d time.Duration) { redistest.Advance(m, d) })
}

// deps are the operator's, to be changed by a test.
func (b *bench) deps() operator.Deps {
	readers := fleet.NewReaders(b.ledger, b.rdb, b.wx)
	return operator.Deps{
		Ledger: b.ledger, Pools: b.pools, WeChat: b.wx, Redis: b.rdb, Now: b.now, By: "li@ops1", Readers: readers,
		Library: library.New(library.Deps{
			Plans: b.ledger, Log: b.ledger, Apps: apps.New(b.rdb), WeChat: b.wx, By: "li@ops1",
			Baseline: func(ctx context.Context) ([]rollout.Template, error) { return b.op.BaselineTemplates(ctx) },
		}),
		Fleet: fleet.New(fleet.Deps{Redis: b.rdb, Rollouts: b.ledger, Readers: readers, WeChat: b.wx, Now: b.now, By: "li@ops1"}),
	}
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

// list is an app list of n apps with a tier: the first is gold, the rest tin.
func list(n int) string {
	var s strings.Builder
	s.WriteString("appid,label,tier\n")
	for i := range n {
		tier := "tin"
		if i == 0 {
			tier = "gold"
		}
		fmt.Fprintf(&s, "%s,店 %d,%s\n", appID(i), i, tier)
	}
	return s.String()
}

// files are what a plan names.
type files map[string]string

// parse reads a plan.
func (b *bench) parse(plan string, f files) *planfile.File {
	b.t.Helper()
	file, err := planfile.Parse("plan.yaml", []byte(plan), func(name string) ([]byte, error) {
		text, ok := f[name]
		if !ok {
			return nil, os.ErrNotExist
		}
		return []byte(text), nil
	})
	if err != nil {
		b.t.Fatalf("parse plan: %v", err)
	}
	return file
}

// simple is a plan of one wave.
const simple = `name: spring
template: {id: 118, version: 3.9.0}
targets: {file: apps.csv}
`

// waved is a plan of three waves, a person between the first two.
const waved = simple + `waves:
- {name: canary, size: 2, hold: approve}
- {name: early, size: 2}
- {name: rest}
`

// plan previews a plan for n apps.
func (b *bench) plan(text string, n int) *launch.Preview {
	b.t.Helper()
	p, err := b.op.Launcher().Preview(b.ctx, b.parse(text, files{"apps.csv": list(n)}), launch.PlanOptions{})
	if err != nil {
		b.t.Fatalf("plan: %v", err)
	}
	return p
}

// apply makes a rollout of a plan for n apps.
func (b *bench) apply(text string, n int) string {
	b.t.Helper()
	a, err := b.op.Launcher().Apply(b.ctx, b.plan(text, n), launch.ApplyOptions{})
	if err != nil {
		b.t.Fatalf("apply: %v", err)
	}
	return a.ID
}

// work lets everything move that moves by itself.
func (b *bench) work() {
	b.t.Helper()
	if err := b.worker.Work(b.ctx); err != nil {
		b.t.Fatalf("work: %v", err)
	}
}

// rollout reads a rollout.
func (b *bench) rollout(id string) rollout.Rollout {
	b.t.Helper()
	r, err := b.op.Rollout(b.ctx, id)
	if err != nil {
		b.t.Fatalf("rollout %s: %v", id, err)
	}
	return r
}

// sound proves that nothing of a rollout is lost.
func (b *bench) sound(id string) {
	b.t.Helper()
	var found []fsck.Finding
	see := func(f fsck.Finding) { found = append(found, f) }
	if _, err := fsck.Check(b.ctx, b.rdb, fsck.Options{Rollouts: []string{id}, See: see}); err != nil || len(found) > 0 {
		b.t.Errorf("inspection of %s: %v %v", id, found, err)
	}
}
