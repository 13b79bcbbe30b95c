package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
	"github.com/wxrollout/wxrollout/wxsim"
)

// everyKind asks for something of each kind.
const everyKind = `{
"domains": {"way": "direct", "request": {"add": ["https://{{.city}}.test.cn"]}, "udp": {"add": ["udp://u.test.cn"]}},
"webview": {"way": "platform", "add": ["https://m.test.cn"]},
"testers": {"add": ["qa_zhang", "qa_wang"]},
"qr_rules": {"add": [{"prefix": "https://m.test.cn/t/", "path": "pages/index"}, {"prefix": "https://m.test.cn/u/", "path": "pages/user"}], "publish": true},
"base_library": {"at_least": "2.32.0"},
"visibility": "closed",
"privacy": {"owner": {"email": "x@test.cn", "notice": "弹窗"}, "add": [{"key": "Album", "text": "to show"}]}
}`

// allWrites is how many writes that takes: one for each kind, and for each tester,
// rule and publication.
const allWrites = 11

// allCalls is how many calls there are, with one commit and release: see TestConfigure.
const allCalls = 30

// Each kind is written once, at its moment, and read back; the next rollout finds
// all as it should be and writes nothing.
func TestConfigure(t *testing.T) {
	t.Parallel()
	r := configured(t, rollout.StageCommit, everyKind)
	r.took()
	r.act()
	r.is("check/pending")
	r.called("commit", "version-info")
	same(t, "before commit", r.took(),
		"get_effective_domain", "modify_domain_directly", "get_effective_domain",
		"get_effective_webviewdomain", "setwebviewdomain", "get_effective_webviewdomain",
		"bind_tester", "memberauth", "bind_tester", "memberauth",
		"qrcodejumpget", "qrcodejumpadd", "qrcodejumpget", "qrcodejumpadd", "qrcodejumpget",
		"getweappsupportversion", "setweappsupportversion", "getweappsupportversion",
		"getvisitstatus", "change_visitstatus", "getvisitstatus")
	r.act()
	r.is("submit/pending")
	same(t, "after check", r.took(), "getprivacysetting", "getprivacysetting", "setprivacysetting", "getprivacysetting")
	r.at(rollout.StageRelease)
	r.wx.versionInfo = live("3.8.0", "winter")
	r.wx.release = func() error { r.wx.versionInfo = live(ourVersion, ourDesc); return nil }
	r.act()
	r.is("release/released")
	same(t, "at the release", r.took(), "get_effective_domain", "get_effective_webviewdomain",
		"qrcodejumpget", "qrcodejumppublish", "qrcodejumpget", "qrcodejumppublish", "qrcodejumpget")
	r.writes(allWrites)
	if left := r.left(); len(left) > 0 {
		t.Errorf("left to do: %v", left)
	}

	again := *r
	again.rig = newRigOf(t, r.app, func(p *rollout.Plan) { p.Configure = r.plan().Configure })
	again.configs, again.wx.commit = r.client, again.committed
	again.h = again.handler(Timing{})
	again.through()
	again.writes(allWrites)
	for _, path := range r.took() {
		if writes := []string{"modify_domain_directly", "setwebviewdomain", "qrcodejumpadd", "qrcodejumppublish", "setweappsupportversion", "change_visitstatus", "setprivacysetting"}; slices.Contains(writes, path) {
			t.Errorf("%s was called though all is right", path)
		}
	}
}

// A worker dies at any call, before it is sent or after it took effect; another
// goes on. Each change is written once.
func TestConfigureSurvivesDeathAtEachCall(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for n := 1; n <= allCalls; n++ {
			t.Run(fmt.Sprintf("%d after=%t", n, after), func(t *testing.T) {
				r := configured(t, rollout.StageCommit, everyKind)
				grave := &grave{Ledger: r.ledger}
				r.trip.n = 0
				died := false
				r.trip.wrong = func(i int, _ string, send func() error) error {
					if i != n || died {
						return send()
					}
					died = true
					var err error
					if after {
						err = send()
					}
					grave.dead = true
					return errors.Join(err, errors.New("killed"))
				}
				mortal := NewHandler(HandlerOptions{WeChat: r.wx, AppConfig: r.client, Ledger: grave, Permits: r.permits, Log: r.h.env.Log, Seed: 1})
				living := r.h
				r.h = mortal
				r.at(rollout.StageCommit)
				r.wx.versionInfo = exp("3.8.0", "winter")
				for !r.target().State.Ended() {
					switch tg := r.target(); {
					case grave.dead:
						grave.dead, r.h = false, living
						r.wait(2 * time.Minute)
					case tg.State != rollout.StatePending:
						r.wait(2 * time.Minute)
					case tg.Stage == rollout.StageSubmit:
						r.wx.versionInfo = live(ourVersion, ourDesc)
						r.at(rollout.StageRelease)
					default:
						_ = r.h.Run(r.Context(), r.claim())
					}
				}
				r.is("release/released")
				r.writes(allWrites)
				if left := r.left(); len(left) > 0 {
					t.Errorf("left to do: %v", left)
				}
				if !died {
					t.Error("it never died")
				}
			})
		}
	}
}

// grave is a ledger of a worker that may be dead: a dead one stores nothing.
type grave struct {
	*ledger.Ledger
	dead bool
}

func (g *grave) Save(ctx context.Context, was, next rollout.Target, o rollout.SaveOptions) (rollout.Target, error) {
	if g.dead {
		return rollout.Target{}, errors.New("dead")
	}
	return g.Ledger.Save(ctx, was, next, o)
}

// A lost reply is read back: at once if it took effect, and made again only when a
// late effect would have shown.
func TestConfigureReplyLost(t *testing.T) {
	t.Parallel()
	const only = `{"base_library": {"at_least": "2.32.0"}}`
	for _, tc := range []struct {
		kind  wxsim.FaultKind
		after []string // the calls of the second look
	}{
		{wxsim.FaultDropAfter, []string{"getweappsupportversion", "getweappsupportversion"}},
		{wxsim.FaultDropBefore, []string{"getweappsupportversion", "getweappsupportversion", "setweappsupportversion", "getweappsupportversion"}},
		{wxsim.FaultBadGateway, []string{"getweappsupportversion", "getweappsupportversion", "setweappsupportversion", "getweappsupportversion"}},
	} {
		t.Run(string(tc.kind), func(t *testing.T) {
			t.Parallel()
			r := configured(t, rollout.StageCommit, only)
			r.must(r.sim.AddFault(wxsim.Fault{Endpoint: "/cgi-bin/wxopen/setweappsupportversion", Kind: tc.kind}))
			r.took()
			r.act()
			r.called()
			r.took()
			got := r.parked("commit/parked/unknown", 65*time.Second)
			if in := got.Intent; in == nil || in.String() != "configure base_library" {
				t.Errorf("intent %v", in)
			}
			if !strings.Contains(got.LastError.Text, "configure base_library") {
				t.Errorf("last error %q", got.LastError.Text)
			}
			r.act()
			r.is("check/pending")
			same(t, "the second look", r.took(), tc.after...)
			r.called("commit", "version-info")
			r.writes(1)
		})
	}
}

// A write is not made again while a late effect may still come.
func TestConfigureWaitsForALateEffect(t *testing.T) {
	t.Parallel()
	r := configured(t, rollout.StageCommit, `{"base_library": {"at_least": "2.32.0"}}`)
	r.at(rollout.StageCommit, func(x *rollout.Target) {
		x.Intent = &rollout.Intent{Op: rollout.OpConfigure, What: "base_library", At: r.now().Add(-20 * time.Second)}
	})
	r.took()
	r.act()
	same(t, "the look", r.took(), "getweappsupportversion")
	r.parked("commit/parked/unknown", 45*time.Second)
	r.act()
	r.is("check/pending")
	r.called("commit", "version-info")
	r.writes(1)
}

// A worker that lost its lease writes nothing.
func TestConfigureNeedsTheLease(t *testing.T) {
	t.Parallel()
	r := configured(t, rollout.StageCommit, `{"visibility": "closed"}`)
	assignment := r.claim()
	r.trip.wrong = func(_ int, path string, send func() error) error {
		if path == "/wxa/getvisitstatus" {
			r.wait(2 * time.Minute) // the assignment is over, and is another worker's
			r.claim()
		}
		return send()
	}
	r.must(r.h.Run(r.Context(), assignment))
	r.writes(0)
	r.called()
}

// What WeChat refuses becomes an outcome by its class, and names the kind.
func TestConfigureRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, plan, path string
		code             int
		place            string
		text             string
	}{
		{"month's changes spent", `{"domains": {"way": "direct", "request": {"add": ["https://a.test.cn"]}}}`, "/wxa/modify_domain_directly", 86102, "commit/parked/throttle", "configure domains"},
		{"publications spent", `{"qr_rules": {"add": [{"prefix": "https://m.test.cn/t/", "path": "p"}]}}`, "/cgi-bin/wxopen/qrcodejumpadd", 89030, "commit/parked/throttle", "configure qr_rules"},
		{"too many testers", `{"testers": {"add": ["qa_zhang"]}}`, "/wxa/bind_tester", 85002, "commit/failed", "configure testers: add qa_zhang"},
		{"no such library", `{"base_library": {"set": "9.9.9"}}`, "", 89014, "commit/failed", "configure base_library"},
		{"busy", `{"visibility": "closed"}`, "/wxa/change_visitstatus", -1, "commit/running", "configure visibility"},
		{"file of the web-view", `{"webview": {"way": "direct", "add": ["https://other.test.cn"]}}`, "", 86103, "commit/parked/merchant", ".txt must lie at the root"},
		{"file of the rule", `{"qr_rules": {"add": [{"prefix": "https://other.test.cn/t/", "path": "p"}]}}`, "", 85069, "commit/parked/merchant", ".txt must lie below the prefix"},
		{"not registered", `{"domains": {"way": "platform", "request": {"add": ["https://a.test.cn"]}}}`, "", 85018, "commit/pending", "configure domains"},
		{"fault of the values", `{"domains": {"way": "direct", "request": {"add": ["https://{{.city}}"]}}}`, "", 0, "commit/failed", "is no domain"},
		{"nothing declared", `{"privacy": {"add": [{"key": "Album", "text": "x"}]}}`, "", 0, "check/failed", "privacy.owner.notice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := configured(t, rollout.StageCommit, tc.plan)
			if tc.path != "" {
				r.must(r.sim.AddFault(wxsim.Fault{Endpoint: tc.path, Kind: wxsim.FaultCode, Code: tc.code, Count: -1}))
			}
			_ = r.h.Run(r.Context(), r.claim())
			if r.target().Stage == rollout.StageCheck {
				_ = r.h.Run(r.Context(), r.claim())
			}
			got := r.is(tc.place)
			said := fmt.Sprintf("%+v %+v", got.LastError, got.Timeline)
			ro, err := r.ledger.Rollout(r.Context(), "r1")
			r.must(err)
			if said += ro.Why; !strings.Contains(said, tc.text) {
				t.Errorf("%q isn't in %s", tc.text, said)
			}
			if tr := got.LastError; tr != nil && tr.Code != int64(tc.code) || tc.code != 0 && !strings.Contains(said, fmt.Sprint(tc.code)) {
				t.Errorf("errcode %d isn't in %s", tc.code, said)
			}
			if paused := ro.Status == rollout.StatusPaused; paused != (tc.place == "commit/pending") {
				t.Errorf("the rollout is %s", ro.Status)
			}
			r.writes(0)
		})
	}
}

// The release trap: a domain that the platform's list lacks when the release is due would go from
// the live app, so that the rollout stops before it.
func TestConfigureReleaseTrap(t *testing.T) {
	t.Parallel()
	const plan = `{"webview": {"way": "platform", "add": ["https://m.test.cn"]}}`
	r := configured(t, rollout.StageCommit, plan)
	r.act()
	r.is("check/pending")
	_, err := r.client.PlatformWebviewDomains(t.Context(), configapi.DomainDelete, []string{"m.test.cn"}, true)
	r.must(err)
	r.at(rollout.StageRelease)
	r.wx.versionInfo = live("3.8.0", "winter")
	r.act()
	r.called("commit", "version-info", "version-info")
	ro, err := r.ledger.Rollout(t.Context(), "r1")
	r.must(err)
	if ro.Status != rollout.StatusPaused || !strings.Contains(ro.Why, "would drop https://m.test.cn") {
		t.Fatalf("the rollout is %s: %s", ro.Status, ro.Why)
	}
	_, err = r.client.PlatformWebviewDomains(t.Context(), configapi.DomainAdd, []string{"m.test.cn"}, true)
	r.must(err)
	r.must(r.ledger.Resume(t.Context(), "r1", "test", ""))
	r.wx.release = func() error { r.wx.versionInfo = live(ourVersion, ourDesc); return nil }
	r.act()
	r.is("release/released")
	r.writes(1)
}

// blind takes a write and never shows it.
type blind struct {
	configapi.Calls // nil: no other call is made
	writes          int
}

func (b *blind) EffectiveDomains(context.Context, string) (configapi.EffectiveServerDomains, error) {
	return configapi.EffectiveServerDomains{Direct: configapi.ServerDomains{Request: []string{"https://B.test.cn/"}}}, nil
}

func (b *blind) ModifyDomainsDirectly(context.Context, string, configapi.DomainAction, configapi.ServerDomains) (configapi.ChangedDomains, error) {
	b.writes++
	return configapi.ChangedDomains{}, nil
}

// What WeChat takes and doesn't show is not written for ever: the month's changes
// would be spent on it.
func TestConfigureUnshown(t *testing.T) {
	t.Parallel()
	r := configured(t, rollout.StageCommit, `{"domains": {"way": "direct", "request": {"add": ["https://a.test.cn", "https://b.test.cn"]}}}`)
	b := &blind{}
	r.configs = b
	r.h = r.handler(Timing{})
	for range 20 {
		if r.target().State.Ended() {
			break
		}
		r.act()
		r.wait(2 * time.Hour)
	}
	if got := r.is("commit/failed"); !strings.Contains(got.LastError.Text, "configure domains shows no effect") || b.writes > rollout.CauseUnshown.MaxTries() {
		t.Errorf("after %d writes: %+v", b.writes, got.LastError)
	}
}

// Domains that WeChat shows in another form are the same.
func TestConfigureFormOfDomains(t *testing.T) {
	t.Parallel()
	r := configured(t, rollout.StageCommit, `{"domains": {"way": "direct", "request": {"add": ["https://b.test.cn"]}}}`)
	b := &blind{}
	r.configs = b
	r.h = r.handler(Timing{})
	r.act()
	r.is("check/pending")
	if b.writes > 0 {
		t.Errorf("%d writes of what is there", b.writes)
	}
}

// A user who is not bound is unbound without an error, and who is bound stays unless named.
func TestConfigureTesters(t *testing.T) {
	t.Parallel()
	r := configured(t, rollout.StageCommit, `{"testers": {"add": ["qa_zhang"], "remove": ["qa_wang", "qa_li_lei"]}}`)
	for _, id := range []string{"qa_wang", "qa_merchant"} {
		_, err := r.client.BindTester(t.Context(), r.app, id)
		r.must(err)
	}
	r.took()
	r.act()
	r.is("check/pending")
	same(t, "calls", r.took(), "memberauth", "unbind_tester", "unbind_tester", "bind_tester", "memberauth")
	for id, want := range map[string]int64{"qa_merchant": 85004, "qa_zhang": 85004, "qa_wang": 0} {
		_, err := r.client.BindTester(t.Context(), r.app, id)
		if got := classify.Code(err); got != want {
			t.Errorf("%s: %v, want errcode %d", id, err, want)
		}
	}
}

// A guideline's other half stays: the owner's contacts that the plan doesn't name,
// and the uses that the merchant declared.
func TestConfigurePrivacyKeepsTheMerchants(t *testing.T) {
	t.Parallel()
	r := configured(t, rollout.StageCheck, `{"privacy": {"owner": {"email": "x@test.cn"}, "add": [{"key": "Album", "text": "to show"}]}}`)
	r.must(r.client.SetPrivacyGuideline(t.Context(), r.app, configapi.GuidelineRequest{
		Version: configapi.PrivacyDraft, Owner: configapi.PrivacyOwner{Phone: "123", NoticeMethod: "弹窗"},
		Settings: []configapi.PrivacySetting{{Key: "Camera", Text: "to scan"}},
	}))
	r.act()
	r.is("submit/pending")
	got, err := r.client.PrivacyGuideline(t.Context(), r.app, configapi.PrivacyDraft)
	r.must(err)
	want := configapi.PrivacyOwner{Email: "x@test.cn", Phone: "123", NoticeMethod: "弹窗"}
	if diff := cmp.Diff(want, got.Owner); diff != "" {
		t.Error(diff)
	}
	var uses []string
	for _, s := range got.Settings {
		uses = append(uses, s.Key+" "+s.Text)
	}
	same(t, "uses", uses, "Camera to scan", "Album to show")
}

// A worker that can't write app configuration does no half of a plan.
func TestConfigureWithoutClient(t *testing.T) {
	t.Parallel()
	r := configured(t, rollout.StageCommit, `{"visibility": "closed"}`)
	r.configs = nil
	r.h = r.handler(Timing{})
	r.act()
	r.called()
	r.is("commit/failed")
}
