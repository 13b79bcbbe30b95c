package operatortest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/archive"
	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// NewYear is when every bench begins.
var NewYear = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// By is the operator of every bench.
const By = "li@ops1"

// Bench has all use cases on a Redis whose clock the test moves.
type Bench struct {
	T       *testing.T
	Ctx     context.Context
	Redis   redis.UniversalClient
	Advance func(time.Duration)
	Ledger  *ledger.Ledger
	Pools   *pool.Pools
	WeChat  *WeChat
	Worker  *Worker

	Apps     *apps.Store
	Readers  *fleet.Readers
	Fleet    *fleet.Fleet
	Library  *library.Library
	Quota    *quota.Quota
	Launcher *launch.Launcher
	Operator *operator.Operator
	Doctor   *doctor.Doctor
	Archiver archive.Archiver
}

// Setup returns a bench on a Redis.
func Setup(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) *Bench {
	t.Helper()
	b := &Bench{T: t, Ctx: t.Context(), Redis: rdb, Advance: advance, Ledger: ledger.New(rdb, ledger.Options{}), WeChat: NewWeChat(), Apps: apps.New(rdb)}
	advance(NewYear.Sub(b.Now()))
	b.Pools = pool.New(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{Metered: name == string(rollout.StageSubmit)})
	}, pool.Options{})
	b.Worker = New(b.Ledger)
	b.Readers = fleet.NewReaders(b.Ledger, rdb, b.WeChat)
	b.Fleet = fleet.New(b.FleetDeps())
	b.Library = library.New(library.Deps{
		Plans: b.Ledger, Log: b.Ledger, Apps: b.Apps, WeChat: b.WeChat, By: By,
		Baseline: func(ctx context.Context) ([]rollout.Template, error) { return b.Launcher.BaselineTemplates(ctx) },
	})
	b.Quota = quota.New(quota.Deps{Ledger: b.Ledger, Pools: b.Pools, Readers: b.Readers, WeChat: b.WeChat, By: By})
	b.Launcher = launch.New(b.LaunchDeps())
	b.Operator = operator.New(b.OperatorDeps())
	b.Doctor = &doctor.Doctor{
		Ledger: b.Ledger, Pools: b.Pools, Redis: rdb, WeChat: b.WeChat, Templates: b.Library, Readers: b.Readers, Quota: b.Quota, Now: b.Now, By: By,
	}
	b.Archiver = archive.Archiver{Ledger: b.Ledger, Now: b.Now, By: By}
	return b
}

// Real returns a bench on a real server with its own clock.
func Real(t *testing.T) *Bench {
	t.Helper()
	return Setup(t, redistest.Start(t).Client(t), func(time.Duration) {})
}

// Mini returns a bench on an embedded Redis.
func Mini(t *testing.T) *Bench {
	t.Helper()
	m, rdb := redistest.Mini(t)
	return Setup(t, rdb, func(d time.Duration) { redistest.Advance(m, d) })
}

// FleetDeps are what the bench's fleet works on, for a test to change.
func (b *Bench) FleetDeps() fleet.Deps {
	return fleet.Deps{Redis: b.Redis, Rollouts: b.Ledger, Readers: b.Readers, WeChat: b.WeChat, Now: b.Now, By: By}
}

// LaunchDeps are what the bench's launcher works on, for a test to change.
func (b *Bench) LaunchDeps() launch.Deps {
	return launch.Deps{Ledger: b.Ledger, Quota: b.Quota, Redis: b.Redis, Templates: b.Library, List: b.Fleet, Readers: b.Readers, Now: b.Now, By: By}
}

// OperatorDeps are what the bench's operator works on, for a test to change.
func (b *Bench) OperatorDeps() operator.Deps {
	return operator.Deps{
		Ledger: b.Ledger, WeChat: b.WeChat, Redis: b.Redis, Fleet: b.Fleet, Readers: b.Readers, Library: b.Library, Quota: b.Quota, Now: b.Now, By: By,
	}
}

// Now is the server's clock.
func (b *Bench) Now() time.Time {
	at, err := b.Redis.Time(context.WithoutCancel(b.Ctx)).Result()
	if err != nil {
		b.T.Errorf("ask the time: %v", err)
	}
	return at
}

// Must ends the test on an error.
func (b *Bench) Must(err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal(err)
	}
}

// AppID is the n-th test app.
func AppID(n int) string { return fmt.Sprintf("wx%016d", n) }

// List is an app list of n apps with a tier: the first is gold, the rest tin.
func List(n int) string {
	var s strings.Builder
	s.WriteString("appid,label,tier\n")
	for i := range n {
		tier := "tin"
		if i == 0 {
			tier = "gold"
		}
		fmt.Fprintf(&s, "%s,店 %d,%s\n", AppID(i), i, tier)
	}
	return s.String()
}

// Simple is a plan of one wave, Waved one of three waves, a person between the first two.
const (
	Simple = `name: spring
template: {id: 118, version: 3.9.0}
targets: {file: apps.csv}
`
	Waved = Simple + `waves:
- {name: canary, size: 2, hold: approve}
- {name: early, size: 2}
- {name: rest}
`
)

// Files are the texts of the files that a plan names.
type Files map[string]string

// Parse reads a plan.
func (b *Bench) Parse(plan string, f Files) *planfile.File {
	b.T.Helper()
	file, err := planfile.Parse("plan.yaml", []byte(plan), func(name string) ([]byte, error) {
		text, ok := f[name]
		if !ok {
			return nil, os.ErrNotExist
		}
		return []byte(text), nil
	})
	if err != nil {
		b.T.Fatalf("parse plan: %v", err)
	}
	return file
}

// Plan previews a plan for n apps.
func (b *Bench) Plan(text string, n int) *launch.Preview {
	b.T.Helper()
	p, err := b.Launcher.Preview(b.Ctx, b.Parse(text, Files{"apps.csv": List(n)}), launch.PlanOptions{})
	if err != nil {
		b.T.Fatalf("plan: %v", err)
	}
	return p
}

// Apply makes a rollout of a plan for n apps.
func (b *Bench) Apply(text string, n int) string {
	b.T.Helper()
	a, err := b.Launcher.Apply(b.Ctx, b.Plan(text, n), launch.ApplyOptions{})
	if err != nil {
		b.T.Fatalf("apply: %v", err)
	}
	return a.ID
}

// Work lets the controller and the worker move everything that can move.
func (b *Bench) Work() {
	b.T.Helper()
	if err := b.Worker.Work(b.Ctx); err != nil {
		b.T.Fatalf("work: %v", err)
	}
}

// Rollout finds a rollout.
func (b *Bench) Rollout(ref string) rollout.Rollout {
	b.T.Helper()
	r, err := b.Operator.Rollout(b.Ctx, ref)
	if err != nil {
		b.T.Fatalf("rollout %s: %v", ref, err)
	}
	return r
}

// Sound proves that the ledger's records of a rollout are consistent.
func (b *Bench) Sound(id string) {
	b.T.Helper()
	var found []fsck.Finding
	see := func(f fsck.Finding) { found = append(found, f) }
	if _, err := fsck.Check(b.Ctx, b.Redis, fsck.Options{Rollouts: []string{id}, See: see}); err != nil || len(found) > 0 {
		b.T.Errorf("check of %s: %v %v", id, found, err)
	}
}

// Authorize makes WeChat's list of n apps.
func (b *Bench) Authorize(n int) {
	b.WeChat.Apps = nil
	for i := range n {
		b.WeChat.Apps = append(b.WeChat.Apps, AppID(i))
	}
}

// Sync brings the registry up to WeChat's list.
func (b *Bench) Sync(opt fleet.SyncOptions) fleet.Synced {
	b.T.Helper()
	done, err := b.Fleet.Sync(b.Ctx, opt)
	if err != nil {
		b.T.Fatalf("sync: %v", err)
	}
	return done
}

// Label gives apps a value.
func (b *Bench) Label(word string, ids ...string) {
	b.T.Helper()
	e, err := apps.ParseEdit([]string{word})
	if err == nil {
		_, err = b.Fleet.Label(b.Ctx, ids, fleet.AppFilter{}, e, fleet.EditOptions{})
	}
	if err != nil {
		b.T.Fatalf("label %s: %v", word, err)
	}
}

// Add puts an app with facts into the registry.
func (b *Bench) Add(app string, facts apps.Facts) {
	b.T.Helper()
	now := apps.At(b.Now())
	_, err := b.Apps.Change(b.Ctx, []string{app}, func(a *apps.App) bool { return a.Join(now) && a.Learn(now, facts) })
	b.Must(err)
}

// Hire makes workers live for an hour.
func (b *Bench) Hire() {
	b.T.Helper()
	err := b.Ledger.Heartbeat(b.Ctx, "w1", map[rollout.QueueName]int{rollout.QueueCommit: 4, rollout.QueueAudit: 4, rollout.QueueRelease: 4}, time.Hour)
	if err != nil {
		b.T.Fatal(err)
	}
}

// Occupy gives a worker the assignment of an app.
func (b *Bench) Occupy(id, app string) {
	b.T.Helper()
	assignments, err := b.Ledger.Claim(b.Ctx, rollout.Claim{
		Rollout: id, Stage: rollout.StagePreflight, MaxRank: rollout.Rank(9, 0), N: 1, Only: []string{app}, Lease: time.Hour,
	})
	if err != nil || len(assignments) != 1 {
		b.T.Fatalf("claim %s: %v, %v", app, assignments, err)
	}
}

// Healthy is an app that any question may go through.
var Healthy = apps.Facts{MiniProgram: true, Status: 1, Sets: []int64{apps.CodeSet}, Categories: []string{"a/b"}}

// ParkedMerchant waits for the merchant at commit.
var ParkedMerchant = Parked(rollout.StageCommit, rollout.ReasonMerchant, 61007, "permission set 18 is not granted")

// ParkedApproval waits for an operator to approve the release.
var ParkedApproval = Parked(rollout.StageRelease, rollout.ReasonApproval, 0, "waits for enqueue approve")

// Known is our text for an errcode.
func Known(t *testing.T, code int64) string {
	t.Helper()
	text, _ := errcode.Advice(code, "")
	if text == "" {
		t.Fatalf("errcode %d is not in the table", code)
	}
	return text
}
