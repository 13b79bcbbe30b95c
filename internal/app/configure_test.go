package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/wxsim"
)

// everyKind asks for each kind of app configuration, with values of each app's own.
const everyKind = `
configure:
  domains: {add_to_platform: true, request: ["https://{{.host}}"]}
  testers: [qa_zhang]
  qr_rules:
    add: [{prefix: "https://{{.host}}/t/", path: pages/index/index}]
    publish: true
  base_library: 2.32.0
  visibility: closed
  privacy: {owner: {email: qa@example.com, notice: notice}, add: {PhoneNumber: to deliver}}
`

// applyConfigured rolls a version with this app configuration out to the first n apps.
func (f *testFleet) applyConfigured(t *testing.T, n int, version string) string {
	t.Helper()
	var list strings.Builder
	list.WriteString("appid,host\n")
	for i := range n {
		fmt.Fprintf(&list, "%s,shop%d.example.com\n", wxsim.AppID(i), i)
	}
	plan := "name: spring\ntemplate: {id: 1, version: " + version + "}\ntargets: {file: apps.csv}" + everyKind
	file, err := planfile.Parse("plan.yaml", []byte(plan), func(string) ([]byte, error) { return []byte(list.String()), nil })
	if err != nil {
		t.Fatal(err)
	}
	preview, err := f.tools.Launcher.Preview(t.Context(), file, launch.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	applied, err := f.tools.Launcher.Apply(t.Context(), preview, launch.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return applied.ID
}

// TestConfigure: two workers roll out code with its app configuration while WeChat is busy and loses
// replies. Each change is written once; the next version finds all as it should be, and writes none.
func TestConfigure(t *testing.T) {
	t.Parallel()
	const apps = 16
	// A domain, a tester, a rule, a library, a visibility, a guideline and a publication each.
	const writes = 7 * apps
	f := newFleet(t, wxsim.Options{
		Seed: 21, Apps: apps, Quota: wxsim.QuotaOptions{Limit: 1000},
		PrivacyDelay: wxsim.Range{Min: 100 * time.Millisecond, Max: 300 * time.Millisecond},
		AuditDelay:   wxsim.Range{Min: 100 * time.Millisecond, Max: 500 * time.Millisecond},
		BusyRate:     0.05, LostRate: 0.05,
	})
	for i := range apps {
		f.sim.PlaceFile(wxsim.AppID(i), fmt.Sprintf("shop%d.example.com", i))
	}
	f.worker(t)
	f.worker(t)
	for n, version := range []string{"3.9.0", "3.9.1"} {
		id := f.applyConfigured(t, apps, version)
		r := f.finished(t, id)
		f.sound(t, id)
		if got := r.Counts.State(rollout.StateReleased); got != apps {
			t.Errorf("%s: %d released, want %d: %v", version, got, apps, r.Counts)
		}
		b := f.sim.Books()
		if b.SettingWrites != writes {
			t.Errorf("%s: %d changes written in %d rollouts, want %d in the first", version, b.SettingWrites, n+1, writes)
		}
		for _, e := range b.Endpoints {
			if e.Path == "/cgi-bin/component/modify_wxa_server_domain" && e.Calls != int64([]int{3, 5}[n]) {
				t.Errorf("%s: %d calls about the platform's domains: want a read by plan and apply each, and one write", version, e.Calls)
			}
		}
	}
}
