package planfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/calendar"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// minimal is the least a plan holds.
const minimal = "name: spring\ntemplate: {id: 0, version: 3.10}\ntargets: {file: apps.csv}\n"

// files serves a plan's files from memory.
type files map[string]string

func (f files) open(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: "/else/where/" + name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

func parse(t *testing.T, text string, f files) *planfile.File {
	t.Helper()
	file, err := planfile.Parse("plan.yaml", []byte(text), f.open)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// faultsOf gives the faults of an error that must be some.
func faultsOf(t *testing.T, err error) filefault.Faults {
	t.Helper()
	var faults filefault.Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("got %v, want Faults", err)
	}
	return faults
}

func TestParseDefaults(t *testing.T) {
	t.Parallel()
	got := parse(t, minimal, nil)
	want := &planfile.File{
		Path: "plan.yaml", Name: "spring",
		Template: planfile.TemplateSpec{ID: 0, Version: "3.10"},
		Targets:  planfile.TargetsSpec{File: "apps.csv"},
		Audit:    rollout.AuditPolicy{InAudit: rollout.InAuditWait},
		Release:  rollout.ReleasePolicy{When: rollout.ReleaseApproved},
		Waves:    []planfile.WaveSpec{{Name: "all"}},
	}
	if diff := cmp.Diff(want, got, compare...); diff != "" {
		t.Error(diff)
	}
}

var compare = []cmp.Option{
	cmpopts.IgnoreUnexported(planfile.File{}),
	cmp.Comparer(func(a, b planfile.Size) bool { return a == b }),
	cmp.Comparer(func(a, b selector.Selector) bool { return a.String() == b.String() }),
	cmp.Comparer(func(a, b *extjson.Template) bool { return a == b || a != nil && b != nil && a.Text() == b.Text() }),
}

func TestParseEverything(t *testing.T) {
	t.Parallel()
	got := parse(t, "\ufeff"+strings.ReplaceAll(`name: spring
template: {latest: true, desc: "spring: sale"}
targets: {file: apps.csv, select: "tier=gold,region!=test", order: -active_users}
ext: {file: ext.json.tmpl}
audit:
  items:
    - {address: pages/index, tag: tea house, title: Tea, first_class: 餐饮, second_class: 茶馆, first_id: 1, second_id: 2}
  in_audit: withdraw
  version_desc: |
    two
    lines
  feedback: fixed
  privacy_api_not_use: true
  allow_privacy: [wx.getLocation, wx.chooseImage]
  order_path: pages/orders
waves:
- {name: canary, size: 20, hold: approve}
- {name: early, size: 0.5%, reject_above: 8%, min_judged: 30}
- name: rest
release: {when: manual, window: "22:00-06:00", gray: [5, 25, 100], every: 24h}
quota: {pool: bulk, reserve: {hotfix: 60}}
schedule: "0 2 1 * *"
timezone: Europe/Paris
`, "\n", "\r\n"), files{"ext.json.tmpl": `{"a": "{{.appid}}"}`})
	window := calendar.Window{From: 22 * time.Hour, To: 6 * time.Hour, Zone: "Asia/Shanghai"}
	ext, err := extjson.Parse(`{"a": "{{.appid}}"}`)
	if err != nil {
		t.Fatal(err)
	}
	want := &planfile.File{
		Path: "plan.yaml", Name: "spring",
		Template: planfile.TemplateSpec{Latest: true, Desc: "spring: sale"},
		Targets:  planfile.TargetsSpec{File: "apps.csv", Order: "-active_users"},
		Ext:      ext,
		Audit: rollout.AuditPolicy{
			Items:   []rollout.AuditItem{{Address: "pages/index", Tag: "tea house", Title: "Tea", FirstClass: "餐饮", SecondClass: "茶馆", FirstID: 1, SecondID: 2}},
			InAudit: rollout.InAuditWithdraw, VersionDesc: "two\nlines\n", Feedback: "fixed", PrivacyAPINotUse: true,
			AllowPrivacy: []string{"wx.getLocation", "wx.chooseImage"}, OrderPath: "pages/orders",
		},
		Waves: []planfile.WaveSpec{
			{Name: "canary", Approve: true},
			{Name: "early", RejectAbove: 0.08, MinJudged: 30},
			{Name: "rest"},
		},
		Release:  rollout.ReleasePolicy{When: rollout.ReleaseManual, Window: &window, Gray: []int{5, 25, 100}, Every: 24 * time.Hour},
		Quota:    rollout.QuotaPolicy{Pool: "bulk", Reserve: map[string]int64{"hotfix": 60}},
		Schedule: "CRON_TZ=Europe/Paris 0 2 1 * *",
	}
	var sizes []string
	for i := range got.Waves {
		sizes = append(sizes, got.Waves[i].Size.String())
		got.Waves[i].Size = planfile.Size{}
	}
	if s := strings.Join(sizes, " "); s != "20 0.5% rest" {
		t.Errorf("sizes are %s", s)
	}
	if s := got.Targets.Select.String(); s != "tier=gold,region!=test" {
		t.Errorf("select is %s", s)
	}
	got.Targets.Select = selector.Selector{}
	if diff := cmp.Diff(want, got, compare...); diff != "" {
		t.Error(diff)
	}
}

func TestParseSample(t *testing.T) {
	t.Parallel()
	file := parse(t, string(planfile.Sample()), nil)
	apps := applist.New("registry", []applist.App{{AppID: "wx0123456789abcdef"}})
	if faults := planfile.CheckExt(file.Ext, apps); faults != nil {
		t.Error(faults)
	}
	if _, err := file.Freeze(file.Template.Pinned(), 500); err != nil {
		t.Error(err)
	}
	// Every line that is commented out must be sound too, where it stands alone.
	for _, line := range strings.Split(string(planfile.Sample()), "\n") {
		setting, commented := strings.CutPrefix(strings.TrimSpace(line), "# ")
		key, _, ok := strings.Cut(setting, ": ")
		if !commented || !ok || strings.Contains(key, " ") || key == "file" || key == "timezone" || key == "gray" || key == "every" {
			continue
		}
		text := strings.Replace(string(planfile.Sample()), "# "+setting, setting, 1)
		if _, err := planfile.Parse("sample.yaml", []byte(text), files{}.open); err != nil {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("apps.csv", "appid,label,n\nwx0000000000000001,one,1\nwx0000000000000002,two,2\nwx0000000000000003,three,\n")
	write("ext.tmpl", `{"n": {{.n}}}`)
	path := write("plan.yaml", minimal[:len(minimal)-2]+", select: n, order: -n}\next: {file: ext.tmpl}\n")
	file, err := planfile.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	apps, err := file.ReadApps()
	if err != nil {
		t.Fatal(err)
	}
	if apps.Len() != 2 || apps.At(0).Label != "two" || apps.At(1).Label != "one" {
		t.Errorf("got %d apps: %+v", apps.Len(), apps.At(0))
	}
	if faults := planfile.CheckExt(file.Ext, apps); faults != nil {
		t.Error(faults)
	}
	if _, err := planfile.Read(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	path = write("absent.yaml", strings.Replace(minimal, "apps.csv", "none.csv", 1))
	if file, err = planfile.Read(path); err != nil {
		t.Fatal(err)
	}
	_, err = file.ReadApps()
	if got, want := faultsOf(t, err).Error(), path+`:3: targets.file: "none.csv": can't be read: no such file or directory`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReadAppsOfAll(t *testing.T) {
	t.Parallel()
	file := parse(t, "name: a\ntemplate: {id: 1, version: v}\ntargets: {all: true, order: label}\n", nil)
	if _, err := file.ReadApps(); !errors.Is(err, planfile.ErrAllApps) {
		t.Fatalf("got %v, want ErrAllApps", err)
	}
	apps, err := file.Choose("registry", []applist.App{{AppID: "a", Label: "z"}, {AppID: "b", Label: "y"}}, 2)
	if err != nil || apps.At(0).AppID != "b" {
		t.Errorf("got %+v, %v", apps, err)
	}
	_, err = file.Choose("registry", nil, 0)
	if got, want := faultsOf(t, err).Error(), "plan.yaml:3: targets: there are no apps in registry"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	file = parse(t, "name: a\ntemplate: {id: 1, version: v}\ntargets: {select: tier=gold, order: -teir}\n", nil)
	_, err = file.Choose("registry", nil, 7)
	if got, want := faultsOf(t, err).Error(), `plan.yaml:3: targets.select: "tier=gold": matches none of the 7 apps in registry`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err = file.Choose("registry", []applist.App{{AppID: "a", Columns: map[string]string{"tier": "gold"}}}, 7)
	if got, want := faultsOf(t, err).Error(), `did you mean tier?`; !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want it to end with %s", got, want)
	}
}

// TestRecipe: a plan that takes the registry's apps can be kept and read again, with
// its ext template; it freezes to the same plan.
func TestRecipe(t *testing.T) {
	t.Parallel()
	const text = "name: a\ntemplate: {id: 1, version: v}\ntargets: {all: true}\next: {file: e.tmpl}\nschedule: \"0 2 1 * *\"\nwaves: [{name: one, size: 10%}, {name: rest}]\n"
	file := parse(t, text, files{"e.tmpl": `{"ext": {"a": "{{.label}}"}}`})
	again, err := planfile.FromRecipe(file.Recipe())
	if err != nil {
		t.Fatal(err)
	}
	one, err := file.Freeze(file.Template.Pinned(), 40)
	if err != nil {
		t.Fatal(err)
	}
	two, err := again.Freeze(again.Template.Pinned(), 40)
	if diff := cmp.Diff(one, two); err != nil || diff != "" || again.Schedule != file.Schedule {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got := parse(t, minimal, nil).Recipe(); got != "" {
		t.Errorf("a plan with an app list has the recipe %s", got)
	}
	for _, bad := range []string{"", "{}", `{"plan":"name: a"}`} {
		if _, err := planfile.FromRecipe(bad); err == nil {
			t.Errorf("recipe %q was read", bad)
		}
	}
}

func TestArrangeFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ targets, want string }{
		{"{file: apps.csv, select: tire=gold}", `plan.yaml:3: targets.select: "tire=gold": apps.csv has no column "tire", only appid, label, tier; did you mean tier?`},
		{"{file: apps.csv, select: tier=tin}", `plan.yaml:3: targets.select: "tier=tin": matches none of the 1 apps in apps.csv`},
		{"\n  file: apps.csv\n  order: -teir", `plan.yaml:5: targets.order: "-teir": apps.csv has no column "teir", only appid, label, tier; did you mean tier?`},
	} {
		t.Run(tc.targets, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(minimal, "{file: apps.csv}", tc.targets, 1)
			file := parse(t, text, files{"apps.csv": "appid,label,tier\nwx0000000000000001,one,gold\n"})
			_, err := file.ReadApps()
			if got := faultsOf(t, err).Error(); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
