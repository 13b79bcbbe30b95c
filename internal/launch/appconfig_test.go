package launch_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// fakeConfigs has the platform's list of server domains, and one base library for every app.
type fakeConfigs struct {
	configapi.Calls // nil: no other call is made
	mu              sync.Mutex
	server          []string
	added           [][]string
	refused         []errcode.RefusedItem
	lowest          string
	err             error
	reads           int
}

func (f *fakeConfigs) PlatformServerDomains(_ context.Context, action configapi.DomainAction, domains []string, published bool) (configapi.PlatformDomains, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if action == configapi.DomainAdd {
		if !published {
			return configapi.PlatformDomains{}, errors.New("only the test accounts would notice")
		}
		f.added = append(f.added, domains)
		f.server = append(f.server, domains...)
	}
	return configapi.PlatformDomains{Published: slices.Clone(f.server), Refused: f.refused}, nil
}

func (f *fakeConfigs) LowestLibrary(_ context.Context, appid string) (configapi.BaseLibrary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.err != nil && appid == appID(1) {
		return configapi.BaseLibrary{}, f.err
	}
	return configapi.BaseLibrary{Lowest: f.lowest}, nil
}

func (f *fakeConfigs) EffectiveDomains(context.Context, string) (configapi.EffectiveServerDomains, error) {
	return configapi.EffectiveServerDomains{}, nil
}

// with gives the bench's operator a client for app configuration.
func (b *bench) with(f *fakeConfigs) *fakeConfigs {
	d := b.LaunchDeps()
	d.AppConfig = f
	b.Launcher = launch.New(d)
	return f
}

const addsDomains = simple + `configure:
  domains: {add_to_platform: true, request: ["https://{{.tier}}.test.cn"]}
`

// Applying adds what the platform's list lacks, in one write; plan only names it.
func TestApplyAddsDomains(t *testing.T) {
	t.Parallel()
	b := mini(t)
	f := b.with(&fakeConfigs{server: []string{"gold.test.cn"}})
	p := b.Plan(addsDomains, 3)
	want := []appconfig.Missing{{Kind: "domains", Hosts: []string{"tin.test.cn"}, Add: true}}
	if diff := cmp.Diff(want, p.AppConfig.Missing); diff != "" || len(f.added) > 0 || len(p.Warnings) > 0 {
		t.Errorf("plan: %s; added %v, warnings %v", diff, f.added, p.Warnings)
	}
	if _, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{}); err != nil { // exists
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"tin.test.cn"}}, f.added); diff != "" {
		t.Error(diff)
	}
}

// What the platform can't have stops the apply before anything may move; fixed, the
// same apply completes it.
func TestApplyStopsAtRefusedDomains(t *testing.T) {
	t.Parallel()
	b := mini(t)
	f := b.with(&fakeConfigs{refused: []errcode.RefusedItem{{List: "no_icp_domain", Item: "tin.test.cn"}}})
	p := b.Plan(addsDomains, 3)
	_, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{})
	if interrupted := (*launch.InterruptedError)(nil); !errors.As(err, &interrupted) || !strings.Contains(err.Error(), "add domains to the platform: WeChat refused tin.test.cn: has no ICP filing") {
		t.Fatal(err)
	}
	f.refused = nil
	a, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{})
	if err != nil || a.Outcome != launch.OutcomeResumed {
		t.Fatalf("%+v %v", a, err)
	}
	b.Sound(a.ID)
}

// A schedule adds what its run needs then.
func TestScheduleAddsDomains(t *testing.T) {
	t.Parallel()
	b := mini(t)
	f := b.with(&fakeConfigs{})
	b.schedule(addsDomains+"schedule: \"0 2 * * *\"\ntimezone: UTC\n", 3)
	if len(f.added) > 0 {
		t.Errorf("before its time: %v", f.added)
	}
	b.Advance(2 * time.Hour)
	if fired := b.fire(); len(fired) != 1 || fired[0].ID == "" {
		t.Fatalf("fired %+v", fired)
	}
	if diff := cmp.Diff([][]string{{"gold.test.cn", "tin.test.cn"}}, f.added); diff != "" {
		t.Error(diff)
	}
}

// A preview compares as many apps as it is asked to, sums up, and takes one app's error for that
// app's own.
func TestPlanComparesAppConfig(t *testing.T) {
	t.Parallel()
	b := mini(t)
	f := b.with(&fakeConfigs{lowest: "2.0.0", err: errors.New("busy")})
	const text = simple + "configure: {base_library: 2.32.0}\n"
	file := b.Parse(text, operatortest.Files{"apps.csv": list(9)})
	compare := func(n int, offline bool) *launch.ConfigDiff {
		p, err := b.Launcher.Preview(b.Ctx, file, launch.PlanOptions{Compare: n, Offline: offline})
		if err != nil {
			t.Fatal(err)
		}
		return p.AppConfig
	}
	d := compare(3, false)
	change := []appconfig.Change{{Kind: "base_library", Verb: appconfig.Set, Lines: []string{"~ 2.32.0, not 2.0.0"}, Body: "2.32.0"}}
	want := &launch.ConfigDiff{
		Compared: 3, Total: 9, Unknown: 1, Kinds: []appconfig.KindDiff{{Kind: "base_library", Apps: 2, Writes: 2}},
		Apps: []appconfig.AppDiff{
			{AppID: appID(0), Label: "店 0", Changes: change},
			{AppID: appID(1), Label: "店 1", Changes: []appconfig.Change{}, Error: "base_library: busy"},
			{AppID: appID(2), Label: "店 2", Changes: change},
		},
	}
	if diff := cmp.Diff(want, d); diff != "" || f.reads != 3 {
		t.Errorf("%s; read %d times", diff, f.reads)
	}
	f.lowest, f.err = "2.40.0", nil
	if d := compare(-1, false); d.Compared != 9 || d.Right != 9 || len(d.Apps) > 0 {
		t.Errorf("all are right: %+v", d)
	}
	reads := f.reads
	if d := compare(0, false); d.Compared != 0 || d.Note != "" {
		t.Errorf("no apps: %+v", d)
	}
	if d := compare(9, true); d.Note == "" {
		t.Errorf("offline: %+v", d)
	}
	if p := b.Plan(simple, 3); p.AppConfig != nil {
		t.Errorf("a plan without app configuration: %+v", p.AppConfig)
	}
	if f.reads != reads {
		t.Errorf("%d reads, want none", f.reads-reads)
	}
}
