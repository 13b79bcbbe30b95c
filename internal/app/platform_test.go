package app_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxsim"
)

// gateway stands before the simulator and answers the calls that its rule names.
type gateway struct {
	url  string
	next atomic.Pointer[wxsim.Sim]
	// refused counts the calls that a rule answered.
	refused atomic.Int64

	mu   sync.Mutex
	rule func(path string) (reply string, refused bool)
}

// newGateway starts a gateway; its simulator comes later.
func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{}
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	g.url = srv.URL
	return g
}

// fleet is a fleet behind the gateway.
func (g *gateway) fleet(t *testing.T, o wxsim.Options, changes ...string) *testFleet {
	t.Helper()
	f := newFleet(t, o, append([]string{"WECHAT_URL=" + g.url}, changes...)...)
	g.next.Store(f.sim)
	return f
}

// refuse answers the calls of these paths; none for all.
func (g *gateway) refuse(reply string, paths ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rule = func(path string) (string, bool) {
		for _, p := range paths {
			if p == path {
				return reply, true
			}
		}
		return reply, len(paths) == 0
	}
}

// allow lets all calls pass.
func (g *gateway) allow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rule = nil
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	rule := g.rule
	g.mu.Unlock()
	if rule != nil {
		if reply, refused := rule(r.URL.Path); refused {
			g.refused.Add(1)
			_, _ = fmt.Fprint(w, reply)
			return
		}
	}
	g.next.Load().ServeHTTP(w, r)
}

const (
	pathComponentToken = "/cgi-bin/component/api_component_token"
	pathAuthorizerInfo = "/cgi-bin/component/api_get_authorizer_info"
	pathCommit         = "/wxa/commit"
)

// refusal is WeChat's body for an errcode; 61004 names the caller's address.
func refusal(code int) string {
	if code == 61004 {
		return `{"errcode":61004,"errmsg":"access clientip is not registered, requestIP: 203.0.113.9 rid: 66b0-aaaa-bbbb"}`
	}
	return fmt.Sprintf(`{"errcode":%d,"errmsg":"refused rid: 66b0-aaaa-bbbb"}`, code)
}

// stands waits until a fault of the platform stands and nothing is in a worker's hands, and checks
// that the one cause is shown.
func (f *testFleet) stands(t *testing.T, id string, code int64, words ...string) {
	t.Helper()
	eventually(t, "a fault of the platform that stops everything", func(ctx context.Context) (bool, string) {
		fault, err := f.ledger.PlatformFault(ctx)
		if err != nil || fault == nil {
			return false, fmt.Sprint(fault, err)
		}
		r, err := f.tools.Operator.Rollout(ctx, id)
		return err == nil && fault.Code == code && r.Counts.State(rollout.StateRunning) == 0, fmt.Sprint(fault, r.Counts, err)
	})
	fault, err := f.ledger.PlatformFault(t.Context())
	if err != nil || fault == nil {
		t.Fatalf("the fault is gone: %v", err)
	}
	for _, word := range words {
		if !strings.Contains(fault.Cause(), word) {
			t.Errorf("cause %q lacks %q", fault.Cause(), word)
		}
	}
}

// shows checks that every output for people and programs names the one cause.
func (f *testFleet) shows(t *testing.T, id, cause string, workers ...*app.App) {
	t.Helper()
	ctx := t.Context()
	saw := make(map[string]string)
	list, err := f.tools.Operator.Rollouts(ctx, 0, 9)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	saw["get rollouts"] = list[0].Halted
	for s, err := range f.tools.Operator.Watch(ctx, id, time.Hour) {
		saw["watch"] = fmt.Sprint(s.Halted, s.Fault, err)
		break
	}
	q, err := f.tools.Quota.Report(ctx, "")
	if err != nil || q.Fault == nil {
		t.Fatalf("quota shows %v, %v", q.Fault, err)
	}
	saw["quota"] = q.Fault.Cause()
	for _, r := range f.tools.Doctor.Check(ctx, "") {
		if r.Name == "platform" {
			saw["check"], saw["check's hint"] = r.Detail, r.Hint
		}
	}
	for target, err := range f.ledger.Targets(ctx, id) {
		if err != nil {
			t.Fatal(err)
		}
		if target.State == rollout.StatePending {
			why, err := f.tools.Operator.Why(ctx, target.AppID, id)
			saw["why"] = fmt.Sprint(why.Places[0].Waits, err)
			break
		}
	}
	for _, w := range workers {
		status, body, err := get(ctx, w, "/readyz")
		saw["readyz"] = body
		if err != nil || status != http.StatusOK {
			t.Errorf("/readyz is %d: %s, %v", status, body, err)
		}
	}
	for _, where := range []string{"get rollouts", "watch", "quota", "check", "check's hint", "why", "readyz"} {
		if !strings.Contains(saw[where], cause) {
			t.Errorf("%s says %q, which lacks %s", where, saw[where], cause)
		}
	}
	_, body, err := get(ctx, leads(t, workers...), "/metrics")
	if err != nil || !strings.Contains(body, `wxrollout_platform_fault{kind="address"} 1`) {
		t.Errorf("the leader's metrics do not show the fault, %v", err)
	}
}

// unharmed checks that no target failed, was blamed or counted as busy.
func (f *testFleet) unharmed(t *testing.T, id string) {
	t.Helper()
	r, err := f.tools.Operator.Rollout(t.Context(), id)
	if err != nil || r.Status != rollout.StatusRunning || r.Counts.State(rollout.StateFailed) > 0 {
		t.Errorf("rollout is %s, %v, %v: want it running without failures", r.Status, r.Counts, err)
	}
	for target, err := range f.ledger.Targets(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		if len(target.Tries) > 0 || target.Attempt != 1 || target.Reason == rollout.ReasonBusy || target.Reason == rollout.ReasonMerchant {
			t.Errorf("%s is %s/%s/%s, attempt %d, tries %v", target.AppID, target.Stage, target.State, target.Reason, target.Attempt, target.Tries)
		}
	}
}

// TestPlatformFault: the refusals that were judged as apps' failures. Two workers, and every refusal
// from the begin: nothing fails, one cause is shown, and all is released when it is over.
func TestPlatformFault(t *testing.T) {
	t.Parallel()
	const apps = 20
	for _, path := range []string{pathComponentToken, pathAuthorizerInfo} {
		for _, code := range []int{61004, 40125, 40013, 48001} {
			t.Run(fmt.Sprintf("%d at %s", code, path[strings.LastIndex(path, "/")+1:]), func(t *testing.T) {
				t.Parallel()
				g := newGateway(t)
				f := g.fleet(t, wxsim.Options{Seed: 3, Apps: apps, Quota: wxsim.QuotaOptions{Limit: 1000}})
				id := f.apply(t, apps, "")
				g.refuse(refusal(code), path)
				if n := f.redis.Client(t).Del(t.Context(), "wxr:{registry}:"+wxsim.DefaultComponentAppID+":token").Val(); n != 1 {
					t.Fatal("no component token was stored to be forgotten")
				}
				workers := []*app.App{f.worker(t), f.worker(t)}
				words := []string{fmt.Sprint(code), "66b0-aaaa-bbbb"}
				if code == 61004 {
					words = append(words, "203.0.113.9")
				}
				f.stands(t, id, int64(code), words...)
				leads(t, workers...)
				before := f.versions(t, id)
				f.probed(t, 2)
				if after := f.versions(t, id); !maps.Equal(before, after) {
					t.Errorf("targets moved while the fault stood: versions %v, then %v", before, after)
				}
				f.unharmed(t, id)
				g.allow()
				f.released(t, id, apps)
				if fault, err := f.ledger.PlatformFault(t.Context()); err != nil || fault != nil {
					t.Errorf("the fault %v is left, %v", fault, err)
				}
			})
		}
	}
}

// versions are how often each target was written.
func (f *testFleet) versions(t *testing.T, id string) map[string]int64 {
	t.Helper()
	out := make(map[string]int64)
	for target, err := range f.ledger.Targets(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		out[target.AppID] = target.Version
	}
	return out
}

// probed waits for n more failed probes.
func (f *testFleet) probed(t *testing.T, n int) {
	t.Helper()
	from := -1
	eventually(t, "more probes", func(ctx context.Context) (bool, string) {
		fault, err := f.ledger.PlatformFault(ctx)
		if err != nil || fault == nil {
			return false, fmt.Sprint(fault, err)
		}
		if from < 0 {
			from = fault.Probes
		}
		return fault.Probes >= from+n, fmt.Sprint(*fault)
	})
}

// TestPlatformFaultMidway: the allow-list loses our address while apps are at every stage.
func TestPlatformFaultMidway(t *testing.T) {
	t.Parallel()
	const apps = 40
	g := newGateway(t)
	f := g.fleet(t, wxsim.Options{
		Seed: 5, Apps: apps, Quota: wxsim.QuotaOptions{Limit: 1000}, AuditDelay: wxsim.Range{Min: 100 * time.Millisecond, Max: 2 * time.Second},
	})
	id := f.apply(t, apps, "")
	one, two := f.worker(t), f.worker(t)
	f.until(t, id, "the middle", func(r rollout.Rollout) bool { return r.Counts.State(rollout.StateReleased) > 3 })
	g.refuse(refusal(61004))
	f.stands(t, id, 61004, "203.0.113.9")
	f.shows(t, id, "203.0.113.9", one, two)
	f.probed(t, 1)
	f.unharmed(t, id)
	g.allow()
	f.released(t, id, apps)
	if b := f.sim.Books(); b.Submissions != apps {
		t.Errorf("%d submissions, want %d", b.Submissions, apps)
	}
}

// TestRefusedAlone: a code that would be the platform's, for one app alone. The others go on, and it
// fails.
func TestRefusedAlone(t *testing.T) {
	t.Parallel()
	const apps = 12
	f := newFleet(t, wxsim.Options{Seed: 7, Apps: apps, Quota: wxsim.QuotaOptions{Limit: 1000}})
	if err := f.sim.AddFault(wxsim.Fault{Endpoint: pathAuthorizerInfo, AppID: wxsim.AppID(2), Kind: wxsim.FaultCode, Code: 40013, Count: -1}); err != nil {
		t.Fatal(err)
	}
	id := f.apply(t, apps, "")
	f.worker(t)
	f.worker(t)
	r := f.finished(t, id)
	if r.Counts.State(rollout.StateReleased) != apps-1 || r.Counts.State(rollout.StateFailed) != 1 {
		t.Errorf("%v, want %d released and 1 failed", r.Counts, apps-1)
	}
	f.sound(t, id)
}

// TestStageOutage: -1 to every commit of every app. The stage closes, says so, and opens again; no
// target fails and none has spent its tries.
func TestStageOutage(t *testing.T) {
	t.Parallel()
	const apps = 30
	g := newGateway(t)
	f := g.fleet(t, wxsim.Options{Seed: 9, Apps: apps, Quota: wxsim.QuotaOptions{Limit: 1000}}, "OUTAGE_PROBE=1s")
	id := f.apply(t, apps, "")
	g.refuse(`{"errcode":-1,"errmsg":"system error rid: 66b0-cccc-dddd"}`, pathCommit)
	f.worker(t)
	f.worker(t)
	eventually(t, "the commit stage to close", func(ctx context.Context) (bool, string) {
		pools, err := f.tools.Quota.Pools(ctx)
		for _, p := range pools {
			if p.Stage == rollout.StageCommit && !p.Open() && strings.Contains(p.Words, "WeChat answers no app") {
				r, err := f.tools.Operator.Rollout(ctx, id)
				return err == nil && r.Counts.At(rollout.StageCommit, rollout.StateRunning) == 0, fmt.Sprint(r.Counts, err)
			}
		}
		return false, fmt.Sprint(pools, err)
	})
	before := g.refused.Load()
	eventually(t, "a few probes", func(context.Context) (bool, string) {
		n := g.refused.Load() - before
		return n >= 4, fmt.Sprint(n)
	})
	for target, err := range f.ledger.Targets(t.Context(), id) {
		if n := target.Tries[rollout.CauseBusy]; err != nil || target.State.Ended() || n > 2 {
			t.Errorf("%s is %s/%s with %d tries, %v", target.AppID, target.Stage, target.State, n, err)
		}
	}
	g.allow()
	f.released(t, id, apps)
}

// TestRefusedTokensDoNotStorm: every app's commit is answered 40001 with any token. The
// stage closes, and renewals are bounded by its probes.
func TestRefusedTokensDoNotStorm(t *testing.T) {
	t.Parallel()
	const apps = 20
	g := newGateway(t)
	f := g.fleet(t, wxsim.Options{Seed: 17, Apps: apps, Quota: wxsim.QuotaOptions{Limit: 1000}}, "OUTAGE_PROBE=1s")
	id := f.apply(t, apps, "")
	g.refuse(refusal(40001), pathCommit)
	f.worker(t)
	f.worker(t)
	eventually(t, "refused probes", func(ctx context.Context) (bool, string) {
		r, err := f.tools.Operator.Rollout(ctx, id)
		return err == nil && r.Counts[rollout.Cell{Stage: rollout.StageCommit, State: rollout.StateParked, Reason: rollout.ReasonBusy}] >= 3, fmt.Sprint(r.Counts, err)
	})
	if n := g.refused.Load(); n > 5*apps {
		t.Errorf("%d refused commits of %d apps", n, apps)
	}
	g.allow()
	f.released(t, id, apps)
}
