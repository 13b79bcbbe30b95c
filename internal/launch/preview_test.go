package launch_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/wxclient"
)

func TestPlanShowsWavesAndWhatFits(t *testing.T) {
	t.Parallel()
	b := mini(t)
	p := b.Plan(waved+"quota: {reserve: {hotfix: 7}}\n", 9)
	if !strings.HasPrefix(p.ID, "spring-") || p.ID != "spring-"+p.Digest[:8] || p.Total != 9 {
		t.Errorf("id %s, digest %s, total %d", p.ID, p.Digest, p.Total)
	}
	wantWaves := []launch.WavePlan{
		{Name: "canary", Size: 2, First: appID(0), Gate: "2 of 2 judged, none delayed, then enqueue promote"},
		{Name: "early", Size: 2, First: appID(2), Waits: "canary: 2 of 2 judged, none delayed, then enqueue promote"},
		{Name: "rest", Size: 5, First: appID(4), Waits: "early done"},
	}
	if diff := cmp.Diff(wantWaves, p.Waves); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
	q := p.Quota
	if q.Source != "wechat" || q.Rest != 10 || q.Reserved != 7 || q.Fits != 3 || q.Over != 6 {
		t.Errorf("quota %+v", q)
	}
	if again := b.Plan(waved+"quota: {reserve: {hotfix: 7}}\n", 9); again.ID != p.ID {
		t.Errorf("the same plan is %s, then %s", p.ID, again.ID)
	}
	if other := b.Plan(waved, 9); other.ID == p.ID {
		t.Errorf("another plan has the same id %s", p.ID)
	}
	if len(p.Warnings) != 0 {
		t.Errorf("warnings %q", p.Warnings)
	}
	var places []string
	p.Each(func(a launch.PlannedApp) bool {
		places = append(places, fmt.Sprintf("%d %s", a.Place, a.Wave))
		return a.Place < 5
	})
	if want := []string{"1 canary", "2 canary", "3 early", "4 early", "5 rest"}; !slices.Equal(places, want) {
		t.Errorf("places %q, want %q", places, want)
	}
}

// TestLatestIsPinned: what a plan with latest: true takes is decided when it is looked
// at; a newer template moves neither what is applied then nor a recommit.
func TestLatestIsPinned(t *testing.T) {
	t.Parallel()
	b := mini(t)
	latest := strings.Replace(simple, "{id: 118, version: 3.9.0}", "{latest: true}", 1)
	seen := b.Plan(latest, 2)
	if !seen.Latest || seen.Plan.Template.ID != 118 || b.Plan(simple, 2).Latest {
		t.Errorf("preview %+v", seen)
	}
	b.WeChat.Library = append(b.WeChat.Library, wxclient.Template{ID: 119, Version: "4.0.0"})
	newer := b.Plan(latest, 2)
	if _, err := b.Launcher.Apply(b.Ctx, newer, launch.ApplyOptions{Expect: seen.ID}); newer.ID == seen.ID || !errors.As(err, new(*launch.DifferentError)) {
		t.Errorf("the newest is %+v now, and what was reviewed another: %v", newer.Plan.Template, err)
	}
	applied, err := b.Launcher.Apply(b.Ctx, seen, launch.ApplyOptions{Expect: seen.ID})
	if err != nil {
		t.Fatal(err)
	}
	pinned := func(revision int) {
		t.Helper()
		plan, err := b.Ledger.Plan(b.Ctx, applied.ID, revision)
		if want := (rollout.Template{ID: 118, Version: "3.9.0", Desc: "spring (draft)"}); err != nil || plan.Template != want {
			t.Errorf("revision %d has %+v, want %+v: %v", revision, plan.Template, want, err)
		}
	}
	pinned(0)
	b.Worker.Answer("*", rollout.StageVerdict, operatortest.Rejected("no login page"))
	b.Work()
	recommit := operator.RetryOptions{Recommit: true}
	got, err := b.Operator.Retry(b.Ctx, applied.ID, view.Filter{}, recommit)
	if err != nil || got.Revision != 1 || got.Retried != 1 {
		t.Fatalf("recommit %+v %v", got, err)
	}
	pinned(1)

	// The pinned one is gone: nothing of it is changed, and the newest is not taken instead.
	b.Worker.Answer("*", rollout.StageVerdict, operatortest.Rejected("still none"))
	b.Work()
	b.WeChat.Library = b.WeChat.Library[3:]
	gone := (*library.TemplateError)(nil)
	if _, err := b.Operator.Retry(b.Ctx, applied.ID, view.Filter{}, recommit); !errors.As(err, &gone) || gone.ID != 118 || gone.Newest.ID != 119 {
		t.Error(err)
	}
	if r := b.Rollout(applied.ID); r.Revision != 1 || r.Counts.State(rollout.StateRejected) != 1 {
		t.Errorf("revision %d, %v", r.Revision, r.Counts)
	}
}

func TestPlanTemplates(t *testing.T) {
	t.Parallel()
	latest := strings.Replace(simple, "{id: 118, version: 3.9.0}", "{latest: true}", 1)
	tests := []struct {
		name    string
		plan    string
		library []wxclient.Template
		offline bool
		want    rollout.Template
		warns   string // part of a warning
		err     error
	}{
		{name: "pinned", plan: simple, library: operatortest.NewWeChat().Library, want: rollout.Template{ID: 118, Version: "3.9.0"}},
		{name: "latest", plan: latest, library: operatortest.NewWeChat().Library, want: rollout.Template{ID: 118, Version: "3.9.0", Desc: "spring (draft)"}},
		{name: "another version", plan: simple, library: []wxclient.Template{{ID: 118, Version: "1"}}, want: rollout.Template{ID: 118, Version: "3.9.0"}, warns: `version "1"`},
		{name: "missing", plan: simple, library: []wxclient.Template{{ID: 3, Version: "1"}}, err: &library.TemplateError{ID: 118, Newest: rollout.Template{ID: 3, Version: "1"}}},
		{name: "standard", plan: simple, library: []wxclient.Template{{ID: 118, Type: 1}, {ID: 3, Version: "1"}}, err: &library.TemplateError{ID: 118, Newest: rollout.Template{ID: 3, Version: "1"}, Standard: true}},
		{name: "standard only", plan: latest, library: []wxclient.Template{{ID: 3, Type: 1}}, err: &library.TemplateError{Empty: true}},
		{name: "offline", plan: simple, offline: true, want: rollout.Template{ID: 118, Version: "3.9.0"}, warns: "not looked up"},
		{name: "latest offline", plan: latest, offline: true, err: &credential.OfflineError{What: "find the newest template"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			b.WeChat.Library = tt.library
			p, err := b.Launcher.Preview(b.Ctx, b.Parse(tt.plan, operatortest.Files{"apps.csv": list(1)}), launch.PlanOptions{Offline: tt.offline})
			if tt.err != nil {
				if err == nil || !strings.Contains(err.Error(), tt.err.Error()) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.Plan.Template != tt.want {
				t.Errorf("template %+v, want %+v", p.Plan.Template, tt.want)
			}
			if warned := strings.Join(p.Warnings, "; "); (tt.warns == "") != (warned == "") || !strings.Contains(warned, tt.warns) {
				t.Errorf("warnings %q, want %q", warned, tt.warns)
			}
			if tt.offline && len(b.WeChat.Asked) > 0 {
				t.Errorf("offline, and yet asked %q", b.WeChat.Asked)
			}
		})
	}
}

// TestPlanReportsAllFaults has a template that isn't there and two apps whose
// columns don't render.
func TestPlanReportsAllFaults(t *testing.T) {
	t.Parallel()
	b := mini(t)
	plan := strings.Replace(simple, "118", "7", 1) + "ext: {file: ext.tmpl}\n"
	file := b.Parse(plan, operatortest.Files{"apps.csv": "appid,label,shop\n" + appID(1) + ",a,x\n" + appID(2) + ",b,\n" + appID(3) + ",c,\n", "ext.tmpl": `{"ext": {"shop": "{{.shop}}"}}`})
	_, err := b.Launcher.Preview(b.Ctx, file, launch.PlanOptions{})
	var faults filefault.Faults
	if !errors.As(err, &faults) || len(faults) != 2 || faults[0].Line != 3 || faults[1].Line != 4 {
		t.Errorf("faults %v in %v", faults, err)
	}
	var missing *library.TemplateError
	if !errors.As(err, &missing) || missing.ID != 7 {
		t.Errorf("no word of the template in: %v", err)
	}
}

func TestPlanForAllApps(t *testing.T) {
	t.Parallel()
	b := mini(t)
	for i := range 1201 {
		b.WeChat.Apps = append(b.WeChat.Apps, appID(5000-i))
	}
	gone := b.WeChat.Apps[700]
	b.WeChat.Apps[700] = b.WeChat.Apps[3] // one moved while we paged
	plan := strings.Replace(simple, "file: apps.csv", "all: true", 1)
	var steps []string
	p, err := b.Launcher.Preview(b.Ctx, b.Parse(plan, nil), launch.PlanOptions{Progress: func(what string, done, total int) {
		steps = append(steps, fmt.Sprintf("%s %d/%d", what, done, total))
		if len(steps) == 3 {
			b.WeChat.Apps[700] = gone
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Total != 1201 || p.Waves[0].First != appID(3800) {
		t.Errorf("%d targets from %s on", p.Total, p.Waves[0].First)
	}
	if want := []string{
		"authorized apps 500/1201", "authorized apps 999/1201", "authorized apps 1200/1201", // an app was passed by: again
		"authorized apps 500/1201", "authorized apps 1000/1201", "authorized apps 1201/1201",
	}; !slices.Equal(steps, want) {
		t.Errorf("progress %q, want %q", steps, want)
	}
	b.WeChat.Apps = nil
	if _, err := b.Launcher.Preview(b.Ctx, b.Parse(plan, nil), launch.PlanOptions{}); err == nil {
		t.Error("a plan for no apps is no error")
	}
}

func TestPlanSeesOwnersAndOtherDemand(t *testing.T) {
	t.Parallel()
	b := mini(t)
	other := b.Apply(strings.Replace(simple, "spring", "winter", 1), 3)
	b.Worker.Answer(appID(0), rollout.StageCommit, operatortest.ParkedMerchant)
	b.Work()
	p := b.Plan(simple, 5)
	want := launch.Owned{Checked: 5, Total: 1, ByRollout: map[string]int{other: 1}, Apps: []string{appID(0)}}
	if diff := cmp.Diff(want, p.Owned); diff != "" {
		t.Errorf("owned (-want +got):\n%s", diff)
	}
	if p.Quota.Ahead != 1 {
		t.Errorf("%d submissions ahead, want 1", p.Quota.Ahead)
	}
}

func TestPlanQuotaWithoutWeChat(t *testing.T) {
	t.Parallel()
	b := mini(t)
	gone := &wxclient.Error{Code: 61003, Class: wxclient.ClassFatalApp}
	b.WeChat.Errs["QueryQuota "+appID(0)], b.WeChat.Errs["QueryQuota "+appID(1)] = gone, gone
	if q := b.Plan(simple, 5).Quota; q.Source != "wechat" || q.Fits != 5 {
		t.Errorf("the third app answers, and yet %+v", q)
	}
	b.WeChat.Errs["QueryQuota"] = gone
	if q := b.Plan(simple, 5).Quota; q.Source != "" || !strings.Contains(q.Note, "61003") {
		t.Errorf("no app answers, and yet %+v", q)
	}
	pool := b.Pools.Quota(rollout.StageSubmit)
	if err := pool.Refill(b.Ctx, ratelimit.Reading{Rest: 2, Limit: 20}); err != nil {
		t.Fatal(err)
	}
	if q := b.Plan(simple, 5).Quota; q.Source != "pool" || q.Fits != 2 || q.Over != 3 {
		t.Errorf("the pool knows, and yet %+v", q)
	}
}

func TestPlanStartAndSchedule(t *testing.T) {
	t.Parallel()
	b := mini(t)
	if p := b.Plan(simple+"start: \"2029-12-31T23:00Z\"\n", 1); len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "past") {
		t.Errorf("warnings %q", p.Warnings)
	}
	p := b.Plan(simple+"schedule: \"0 2 1 * *\"\n", 1)
	if len(p.NextRuns) != 5 || p.NextRuns[0].UTC().Format("2006-01-02 15:04") != "2030-01-31 18:00" {
		t.Errorf("next runs %v", p.NextRuns)
	}
	if _, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{}); !errors.Is(err, launch.ErrScheduled) {
		t.Errorf("apply: %v, want ErrScheduled", err)
	}
}

func TestPreviewExt(t *testing.T) {
	t.Parallel()
	b := mini(t)
	file := b.Parse(simple+"ext: {file: ext.tmpl}\n", operatortest.Files{"apps.csv": list(2), "ext.tmpl": `{"ext": {"shop": "{{.label}}"}}`})
	p, err := b.Launcher.Preview(b.Ctx, file, launch.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Ext(appID(1))
	if want := `{"extAppid":"` + appID(1) + `","ext":{"shop":"店 1"}}`; got != want || err != nil {
		t.Errorf("ext %s, want %s (%v)", got, want, err)
	}
	if _, err := p.Ext(appID(9)); err == nil {
		t.Error("an app that is no target has an ext")
	}
}
