package operator_test

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
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// fakeSettings has the platform's lists, and the same settings for every app.
type fakeSettings struct {
	operator.Settings // panics where nobody asks
	mu                sync.Mutex
	server            []string
	added             [][]string
	refused           []wxclient.RefusedItem
	lowest            string
	err               error
	asked             int
}

func (f *fakeSettings) PlatformServerDomains(_ context.Context, action configapi.DomainAction, domains []string, published bool) (configapi.PlatformDomains, error) {
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

func (f *fakeSettings) LowestLibrary(_ context.Context, appid string) (configapi.BaseLibrary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.err != nil && appid == appID(1) {
		return configapi.BaseLibrary{}, f.err
	}
	return configapi.BaseLibrary{Lowest: f.lowest}, nil
}

func (f *fakeSettings) EffectiveDomains(context.Context, string) (configapi.EffectiveServerDomains, error) {
	return configapi.EffectiveServerDomains{}, nil
}

// with gives the bench's operator settings.
func (b *bench) with(f *fakeSettings) *fakeSettings {
	d := b.deps()
	d.Settings = f
	b.op = operator.New(d)
	return f
}

const registers = simple + `configure:
  domains: {register: true, request: ["https://{{.tier}}.test.cn"]}
`

// Applying registers what the platform lacks, in one write; plan only tells of it.
func TestApplyRegistersDomains(t *testing.T) {
	t.Parallel()
	b := mini(t)
	f := b.with(&fakeSettings{server: []string{"gold.test.cn"}})
	p := b.plan(registers, 3)
	want := []operator.MissingHosts{{Kind: appconfig.Domains, Hosts: []string{"tin.test.cn"}, Register: true}}
	if diff := cmp.Diff(want, p.Settings.Missing); diff != "" || len(f.added) > 0 || len(p.Warnings) > 0 {
		t.Errorf("plan: %s; added %v, warnings %v", diff, f.added, p.Warnings)
	}
	if _, err := b.op.Apply(b.ctx, p, operator.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.op.Apply(b.ctx, p, operator.ApplyOptions{}); err != nil { // exists
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"tin.test.cn"}}, f.added); diff != "" {
		t.Error(diff)
	}
}

// What the platform can't have stops the apply before anything may move; fixed, the
// same apply completes it.
func TestApplyStopsAtUnregistrableDomains(t *testing.T) {
	t.Parallel()
	b := mini(t)
	f := b.with(&fakeSettings{refused: []wxclient.RefusedItem{{List: "no_icp_domain", Item: "tin.test.cn"}}})
	p := b.plan(registers, 3)
	_, err := b.op.Apply(b.ctx, p, operator.ApplyOptions{})
	if interrupted := (*operator.InterruptedError)(nil); !errors.As(err, &interrupted) || !strings.Contains(err.Error(), "add domains to the platform: WeChat refused tin.test.cn: has no ICP filing") {
		t.Fatal(err)
	}
	f.refused = nil
	a, err := b.op.Apply(b.ctx, p, operator.ApplyOptions{})
	if err != nil || a.Outcome != operator.OutcomeResumed {
		t.Fatalf("%+v %v", a, err)
	}
	b.sound(a.ID)
}

// A schedule registers what its run needs then.
func TestScheduleRegistersDomains(t *testing.T) {
	t.Parallel()
	b := mini(t)
	f := b.with(&fakeSettings{})
	b.schedule(registers+"schedule: \"0 2 * * *\"\ntimezone: UTC\n", 3)
	if len(f.added) > 0 {
		t.Errorf("before its time: %v", f.added)
	}
	b.advance(2 * time.Hour)
	if fired := b.fire(); len(fired) != 1 || fired[0].ID == "" {
		t.Fatalf("fired %+v", fired)
	}
	if diff := cmp.Diff([][]string{{"gold.test.cn", "tin.test.cn"}}, f.added); diff != "" {
		t.Error(diff)
	}
}

// A look at settings asks as many apps as it is told, sums up, and takes one app's
// error for that app's own.
func TestPlanComparesSettings(t *testing.T) {
	t.Parallel()
	b := mini(t)
	f := b.with(&fakeSettings{lowest: "2.0.0", err: errors.New("busy")})
	const text = simple + "configure: {base_library: 2.32.0}\n"
	file := b.parse(text, files{"apps.csv": list(9)})
	look := func(n int, offline bool) *operator.SettingsDiff {
		p, err := b.op.Plan(b.ctx, file, operator.PlanOptions{Settings: n, Offline: offline})
		if err != nil {
			t.Fatal(err)
		}
		return p.Settings
	}
	d := look(3, false)
	change := []operator.SettingChange{{Kind: appconfig.Library, Verb: appconfig.VerbSet, Lines: []string{"~ 2.32.0, not 2.0.0"}}}
	want := &operator.SettingsDiff{
		Looked: 3, Total: 9, Unknown: 1, Kinds: []operator.KindDiff{{Kind: appconfig.Library, Apps: 2, Writes: 2}},
		Apps: []operator.AppDiff{
			{AppID: appID(0), Label: "店 0", Changes: change},
			{AppID: appID(1), Label: "店 1", Changes: []operator.SettingChange{}, Error: "base_library: busy"},
			{AppID: appID(2), Label: "店 2", Changes: change},
		},
	}
	if diff := cmp.Diff(want, d); diff != "" || f.asked != 3 {
		t.Errorf("%s; asked %d times", diff, f.asked)
	}
	f.lowest, f.err = "2.40.0", nil
	if d := look(-1, false); d.Looked != 9 || d.Right != 9 || len(d.Apps) > 0 {
		t.Errorf("all are right: %+v", d)
	}
	asked := f.asked
	if d := look(0, false); d.Looked != 0 || d.Note != "" {
		t.Errorf("nobody: %+v", d)
	}
	if d := look(9, true); d.Note == "" {
		t.Errorf("offline: %+v", d)
	}
	if p := b.plan(simple, 3); p.Settings != nil {
		t.Errorf("a plan without settings: %+v", p.Settings)
	}
	if f.asked != asked {
		t.Errorf("asked %d times though nobody was to be", f.asked-asked)
	}
}
