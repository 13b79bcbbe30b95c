package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/proctest"
	"github.com/wxrollout/wxrollout/internal/redistest"
)

// calm is a stage of n apps on a platform without faults, with two workers.
func calm(t *testing.T, n, quota int) *stage {
	t.Helper()
	sim := proctest.Start(t, program("wxsim"), nil, "--addr", "127.0.0.1:0", "--apps", strconv.Itoa(n), "--seed", "7",
		"--quota", strconv.Itoa(quota), "--quota-limit", "1000", "--audit-delay", "200ms-400ms", "--ticket-every", "0s")
	hint := sim.Await(t, `(http://\S+) \(.*export (.*)$`)
	s := &stage{sim: hint[1], dir: t.TempDir()}
	s.env = append(strings.Fields(hint[2]),
		"WXROLLOUT_REDIS_URL=redis://"+redistest.Start(t, redistest.AOF()).Addr()+"/0",
		"WXROLLOUT_SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"WXROLLOUT_SETTLE=2s", "WXROLLOUT_PRIVACY_POLL=500ms", "WXROLLOUT_VERDICT_POLL=500ms", "WXROLLOUT_QUOTA_POLL=1s",
		"WXROLLOUT_BUSY_BASE=1s", "WXROLLOUT_BUSY_CAP=2s", "WXROLLOUT_BUSY_PARK=2s", "WXROLLOUT_LISTEN=127.0.0.1:0")
	s.worker(t)
	s.worker(t)
	return s
}

// simApp is what the simulator knows of an app.
type simApp struct {
	AppID       string
	Live        string
	Commits     int
	Submissions []struct{ Version string }
	Releases    []struct{ Version string }
}

func (s *stage) simApps(t *testing.T) []simApp {
	t.Helper()
	var page struct{ Apps []simApp }
	if code := proctest.Fetch(t, "GET", s.sim+"/_sim/apps?limit=500", "", &page); code != http.StatusOK {
		t.Fatalf("list the simulator's apps: %d", code)
	}
	return page.Apps
}

// apply applies a plan for some apps.
func (s *stage) apply(t *testing.T, plan string, apps []simApp) {
	t.Helper()
	name := strings.TrimPrefix(strings.SplitN(plan, "\n", 2)[0], "name: ")
	list := "appid,label\n"
	for _, a := range apps {
		list += a.AppID + ",shop\n"
	}
	s.write(t, name+".csv", list)
	s.write(t, name+".yaml", plan+"\ntargets: {file: "+name+".csv}\n")
	if r := s.enqueue(t, "apply", "-f", name+".yaml", "--yes", "--reason", "e2e"); r.Code != 0 {
		t.Fatalf("apply %s: %d\n%s%s", name, r.Code, r.Stdout, r.Stderr)
	}
}

// places counts a rollout's targets by stage/state.
func (s *stage) places(t *testing.T, name string) map[string]int {
	t.Helper()
	r := s.enqueue(t, "get", "targets", name, "-o", "csv")
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	head := strings.Split(lines[0], ",")
	count := make(map[string]int)
	for _, l := range lines[1:] {
		row := map[string]string{}
		for i, v := range strings.Split(l, ",") {
			if i < len(head) {
				row[head[i]] = v
			}
		}
		count[row["stage"]+"/"+row["state"]]++
	}
	return count
}

// arrived waits until a rollout's targets are where they should be.
func (s *stage) arrived(t *testing.T, name, what string, ok func(map[string]int) bool) {
	t.Helper()
	var last map[string]int
	for range 300 {
		if last = s.places(t, name); ok(last) {
			return
		}
		pause(t)
	}
	t.Fatalf("%s: %s: %v", name, what, last)
}

// pause waits a moment before the next look at programs.
func pause(t *testing.T) {
	t.Helper()
	select {
	case <-t.Context().Done():
		t.FailNow()
	case <-time.After(200 * time.Millisecond):
	}
}

// finished waits until n targets have ended and none is unfinished.
func finished(want map[string]int) func(map[string]int) bool {
	return func(got map[string]int) bool { return fmt.Sprint(got) == fmt.Sprint(want) }
}

// TestBulkDowngradesNoHotfix: bulk (2.0.0) waits behind a gate, a hotfix (3.0.0) created later
// is released to apps of its last wave, and an operator promotes the wave. No hotfixed app is
// touched again.
func TestBulkDowngradesNoHotfix(t *testing.T) {
	t.Parallel()
	const all, canary, hot = 40, 5, 25
	s := calm(t, all, 500)
	apps := s.simApps(t)
	s.apply(t, "name: bulk\ntemplate: {id: 1, version: 2.0.0}\nwaves: [{name: canary, size: 5, hold: approve}, {name: rest}]", apps)
	s.arrived(t, "bulk", "the canary is live", func(n map[string]int) bool { return n["release/released"] == canary })
	s.apply(t, "name: hotfix\ntemplate: {id: 1, version: 3.0.0}\nquota: {pool: hotfix}", apps[canary:canary+hot])
	s.arrived(t, "hotfix", "is live", finished(map[string]int{"release/released": hot}))
	before := s.simApps(t)
	if r := s.enqueue(t, "promote", "bulk", "--reason", "e2e"); r.Code != 0 {
		t.Fatalf("promote: %s%s", r.Stdout, r.Stderr)
	}
	s.arrived(t, "bulk", "the hotfixed are left alone", finished(map[string]int{"preflight/skipped": hot, "release/released": all - hot}))
	for i, a := range s.simApps(t) {
		hotfixed := i >= canary && i < canary+hot
		if want := map[bool]string{true: "3.0.0", false: "2.0.0"}[hotfixed]; a.Live != want {
			t.Errorf("app %d is live with %s, want %s", i, a.Live, want)
		}
		if hotfixed && (a.Commits != before[i].Commits || len(a.Releases) != len(before[i].Releases)) {
			t.Errorf("bulk touched the hotfixed app %d: %+v", i, a)
		}
	}
	why := s.enqueue(t, "why", apps[canary].AppID, "--rollout", "bulk").Stdout
	if !strings.Contains(why, "superseded by rollout hotfix-") || !strings.Contains(why, "(version 3.0.0)") {
		t.Errorf("why says:\n%s", why)
	}
	s.balanced(t)
	if r := s.enqueue(t, "check", "--deep"); r.Code != 0 {
		t.Errorf("check: %s", r.Stdout)
	}
}

// TestHotfixOvertakesBulk: bulk has committed all its apps and waits for quota that a reserve
// keeps; a hotfix for some of them is submitted and released now, from its reserve.
func TestHotfixOvertakesBulk(t *testing.T) {
	t.Parallel()
	const all, quota, reserve, hot = 30, 20, 10, 8
	s := calm(t, all, quota)
	apps := s.simApps(t)
	s.apply(t, "name: bulk\ntemplate: {id: 1, version: 2.0.0}\nquota: {pool: bulk, reserve: {hotfix: 10}}\nwaves: [{name: first, size: 10, hold: approve}, {name: rest}]", apps)
	s.arrived(t, "bulk", "the first wave is live", func(n map[string]int) bool { return n["release/released"] == quota-reserve })
	if r := s.enqueue(t, "promote", "bulk", "--reason", "e2e"); r.Code != 0 {
		t.Fatalf("promote: %s%s", r.Stdout, r.Stderr)
	}
	s.arrived(t, "bulk", "waits for quota", func(n map[string]int) bool {
		return n["release/released"] == quota-reserve && n["submit/pending"] == all-quota+reserve
	})
	s.apply(t, "name: hotfix\ntemplate: {id: 1, version: 3.0.0}\nquota: {pool: hotfix}", apps[all-hot:])
	s.arrived(t, "hotfix", "is live beside bulk", finished(map[string]int{"release/released": hot}))
	for i, a := range s.simApps(t)[all-hot:] {
		if a.Live != "3.0.0" || a.Commits != 2 {
			t.Errorf("app %d: %+v", i, a)
		}
	}
	s.arrived(t, "bulk", "its targets end superseded", func(n map[string]int) bool { return n["submit/skipped"] == hot })
	proctest.Fetch(t, "POST", s.sim+"/_sim/quota", `{"rest":100,"limit":1000}`, nil)
	s.arrived(t, "bulk", "goes on with more quota", finished(map[string]int{"release/released": all - hot, "submit/skipped": hot}))
	if b := s.balanced(t); b.Submissions != all {
		t.Errorf("%d submissions of %d apps", b.Submissions, all)
	}
}
