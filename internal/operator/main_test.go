package operator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
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
	wx      *fakeWeChat
	worker  *operatortest.Worker
	op      *operator.Operator
	advance func(time.Duration)
}

// setup makes a bench on a Redis.
func setup(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) *bench {
	t.Helper()
	b := &bench{t: t, ctx: t.Context(), rdb: rdb, ledger: ledger.New(rdb, ledger.Options{}), wx: newFakeWeChat(), advance: advance}
	advance(newYear.Sub(b.now()))
	b.pools = pool.New(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{Metered: name == string(rollout.StageSubmit)})
	}, pool.Options{})
	b.worker = operatortest.New(b.ledger)
	b.op = operator.New(b.deps())
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
	return operator.Deps{Ledger: b.ledger, Pools: b.pools, WeChat: b.wx, Redis: b.rdb, Now: b.now, By: "li@ops1"}
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
func (b *bench) plan(text string, n int) *operator.Preview {
	b.t.Helper()
	p, err := b.op.Plan(b.ctx, b.parse(text, files{"apps.csv": list(n)}), operator.PlanOptions{})
	if err != nil {
		b.t.Fatalf("plan: %v", err)
	}
	return p
}

// apply makes a rollout of a plan for n apps.
func (b *bench) apply(text string, n int) string {
	b.t.Helper()
	a, err := b.op.Apply(b.ctx, b.plan(text, n), operator.ApplyOptions{})
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
	var found []ledger.Finding
	see := func(f ledger.Finding) { found = append(found, f) }
	if _, err := b.ledger.Fsck(b.ctx, ledger.FsckOptions{Rollouts: []string{id}, See: see}); err != nil || len(found) > 0 {
		b.t.Errorf("inspection of %s: %v %v", id, found, err)
	}
}

// fakeWeChat answers from its fields; a call's error goes first.
type fakeWeChat struct {
	library []wxclient.Template
	drafts  []wxclient.TemplateDraft
	apps    []string
	quota   wxclient.Quota
	calls   wxclient.APIQuota
	audit   wxclient.Audit
	version wxclient.VersionInfo
	info    map[string]wxclient.AuthorizerInfo // by app; a sound one for others
	errs    map[string]error                   // by method, or by method and app
	mu      sync.Mutex
	asked   []string
	quiet   bool                                     // don't remember what was asked
	page    func(offset int) wxclient.AuthorizerPage // answers AuthorizerList if it is set
}

func newFakeWeChat() *fakeWeChat {
	return &fakeWeChat{
		library: []wxclient.Template{{ID: 117, Version: "3.8.0"}, {ID: 118, Version: "3.9.0", Desc: "spring [draft]"}, {ID: 200, Type: 1}},
		quota:   wxclient.Quota{Rest: 10, Limit: 20, SpeedupRest: 1, SpeedupLimit: 2},
		calls:   wxclient.APIQuota{DailyLimit: 100, Used: 10, Remain: 90},
		errs:    make(map[string]error),
	}
}

func (f *fakeWeChat) fail(method, appid string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.quiet {
		f.asked = append(f.asked, strings.TrimSpace(method+" "+appid))
	}
	if err := f.errs[method+" "+appid]; err != nil {
		return err
	}
	return f.errs[method]
}

func (f *fakeWeChat) Templates(context.Context) ([]wxclient.Template, error) {
	return f.library, f.fail("Templates", "")
}

func (f *fakeWeChat) TemplateDrafts(context.Context) ([]wxclient.TemplateDraft, error) {
	return f.drafts, f.fail("TemplateDrafts", "")
}

func (f *fakeWeChat) AddTemplate(_ context.Context, draft int64) error {
	err := f.fail("AddTemplate", "")
	if err == nil || wxclient.IsOutcomeUnknown(err) { // lost on its way back
		d := f.drafts[slices.IndexFunc(f.drafts, func(d wxclient.TemplateDraft) bool { return d.ID == draft })]
		f.library = append(f.library, wxclient.Template{ID: 300 + draft, DraftID: draft, Version: d.Version, Desc: d.Desc})
	}
	return err
}

func (f *fakeWeChat) DeleteTemplate(_ context.Context, id int64) error {
	err := f.fail("DeleteTemplate", fmt.Sprint(id))
	if err == nil || wxclient.IsOutcomeUnknown(err) {
		f.library = slices.DeleteFunc(f.library, func(t wxclient.Template) bool { return t.ID == id })
	}
	return err
}

func (f *fakeWeChat) AuthorizerList(_ context.Context, offset, count int) (wxclient.AuthorizerPage, error) {
	if count > wxclient.MaxAuthorizerPage {
		return wxclient.AuthorizerPage{}, errors.New("40170")
	}
	if f.page != nil {
		return f.page(offset), f.fail("AuthorizerList", "")
	}
	page := wxclient.AuthorizerPage{Total: int64(len(f.apps))}
	for i := offset; i < min(offset+count, len(f.apps)); i++ {
		page.List = append(page.List, wxclient.Authorizer{AppID: f.apps[i], RefreshToken: "secret", AuthTime: 1})
	}
	return page, f.fail("AuthorizerList", "")
}

func (f *fakeWeChat) QueryQuota(_ context.Context, appid string) (wxclient.Quota, error) {
	return f.quota, f.fail("QueryQuota", appid)
}

func (f *fakeWeChat) APIQuota(_ context.Context, appid, _ string) (wxclient.APIQuota, error) {
	return f.calls, f.fail("APIQuota", appid)
}

func (f *fakeWeChat) LatestAudit(_ context.Context, appid string) (wxclient.Audit, error) {
	return f.audit, f.fail("LatestAudit", appid)
}

func (f *fakeWeChat) VersionInfo(_ context.Context, appid string) (wxclient.VersionInfo, error) {
	return f.version, f.fail("VersionInfo", appid)
}

func (f *fakeWeChat) AuthorizerInfo(_ context.Context, appid string) (wxclient.AuthorizerInfo, error) {
	if err := f.fail("AuthorizerInfo", appid); err != nil {
		return wxclient.AuthorizerInfo{}, err
	}
	if info, ok := f.info[appid]; ok {
		return info, nil
	}
	return wxclient.AuthorizerInfo{
		AppID: appid, NickName: "Shop " + appid, PrincipalName: "Ltd", AccountStatus: 1, MiniProgram: true,
		PermissionSets: []int64{17, 18}, Categories: []string{"IT/tools"}, RefreshToken: "secret",
	}, nil
}

func (f *fakeWeChat) PreAuthCode(context.Context) (string, time.Duration, error) {
	return "preauthcode@@@1", 10 * time.Minute, f.fail("PreAuthCode", "")
}

func (f *fakeWeChat) ComponentAppID() string { return "wxcomponent" }

func (f *fakeWeChat) RegisterTrial(_ context.Context, name, openid string) (wxclient.TrialApp, error) {
	return wxclient.TrialApp{UniqueID: "u-" + name, AuthorizeURL: "https://mp.weixin.qq.com/x?create_token=secret-token"}, f.fail("RegisterTrial", openid)
}

func (f *fakeWeChat) RegisterEnterprise(_ context.Context, e wxclient.Enterprise) error {
	return f.fail("RegisterEnterprise", e.Code)
}

func (f *fakeWeChat) ConvertTrial(_ context.Context, appid string, _ wxclient.Enterprise) error {
	return f.fail("ConvertTrial", appid)
}
