package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

// submitted counts the simulator's accepted submissions by version.
func (s *stage) submitted(t *testing.T) map[string]int {
	t.Helper()
	count := make(map[string]int)
	for _, a := range s.simApps(t) {
		for _, sub := range a.Submissions {
			count[sub.Version]++
		}
	}
	return count
}

// without lists the apps that have no submission.
func (s *stage) without(t *testing.T) []simApp {
	t.Helper()
	var list []simApp
	for _, a := range s.simApps(t) {
		if len(a.Submissions) == 0 {
			list = append(list, a)
		}
	}
	return list
}

// readings counts how often WeChat was asked for the quota.
func (s *stage) readings(t *testing.T) int64 {
	t.Helper()
	var b struct {
		Endpoints []struct {
			Path  string
			Calls int64
		}
	}
	proctest.Fetch(t, "GET", s.sim+"/_sim/books", "", &b)
	for _, e := range b.Endpoints {
		if e.Path == "/wxa/queryquota" {
			return e.Calls
		}
	}
	return 0
}

// stays waits until want is submitted and fails if more follows within four readings of the
// quota.
func (s *stage) stays(t *testing.T, what string, want map[string]int) {
	t.Helper()
	var got map[string]int
	for range 300 {
		if got = s.submitted(t); fmt.Sprint(got) == fmt.Sprint(want) {
			break
		}
		pause(t)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s: submitted %v, want %v\n%s", what, got, want, s.enqueue(t, "quota").Stdout)
	}
	const more = 4
	for from := s.readings(t); s.readings(t) < from+more; pause(t) {
		if got = s.submitted(t); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s: submitted %v, want %v and no more", what, got, want)
		}
	}
}

// says waits until a command's output holds each of the texts.
func (s *stage) says(t *testing.T, texts []string, args ...string) {
	t.Helper()
	var out string
	for range 50 {
		out = s.enqueue(t, args...).Stdout
		missing := false
		for _, text := range texts {
			missing = missing || !strings.Contains(out, text)
		}
		if !missing {
			return
		}
		pause(t)
	}
	t.Errorf("enqueue %s: want %q in:\n%s", strings.Join(args, " "), texts, out)
}

// TestReserveDoesNotStall: a reserve holds from an empty Redis on, is named as the cause in
// numbers, and a rollout that waits for it goes on with each unit above it.
func TestReserveDoesNotStall(t *testing.T) {
	t.Parallel()
	const all, quota, reserve, raise = 60, 45, 18, 10
	s := calm(t, all, quota)
	apps := s.simApps(t)
	s.apply(t, "name: bulk\ntemplate: {id: 1, version: 2.0.0}\nquota: {pool: bulk, reserve: {hotfix: 18}}", apps)
	s.stays(t, "with a reserve", map[string]int{"2.0.0": quota - reserve})
	waiting := s.without(t)
	const cause = "18 of 18 left are reserved for hotfix; waits for quota above 18"
	s.says(t, []string{cause}, "why", waiting[0].AppID)
	s.says(t, []string{cause, "33 targets"}, "quota")
	s.says(t, []string{cause}, "get", "rollouts")
	s.says(t, []string{cause}, "check")

	if r := s.enqueue(t, "quota", "open", "submit", "--reason", "e2e"); r.Code != 0 {
		t.Fatalf("quota open: %s%s", r.Stdout, r.Stderr)
	}
	s.stays(t, "after quota open", map[string]int{"2.0.0": quota - reserve})
	s.says(t, []string{cause}, "why", waiting[0].AppID)

	s.lever(t, "quota", fmt.Sprintf(`{"rest":%d}`, reserve+raise))
	s.stays(t, "after a raise", map[string]int{"2.0.0": quota - reserve + raise})
	s.says(t, []string{cause}, "why", s.without(t)[0].AppID)

	// One more unit: its submission is refused, and the reading that follows shows nothing left.
	s.lever(t, "faults", `{"endpoint":"/wxa/submit_audit","kind":"code","code":85085,"count":1,"delay":"4s"}`)
	s.lever(t, "quota", fmt.Sprintf(`{"rest":%d}`, reserve+1))
	faults := []struct{ Count int }{{}}
	for i := 0; len(faults) > 0; i++ {
		if i == 300 {
			t.Fatalf("no submission with one unit above the reserve\n%s", s.enqueue(t, "quota").Stdout)
		}
		pause(t)
		proctest.Fetch(t, "GET", s.sim+"/_sim/faults", "", &faults)
	}
	s.lever(t, "quota", `{"rest":0}`)
	const usedUp = "the quota is used up; waits for quota above 18, reserved for hotfix"
	s.says(t, []string{"errcode 85085", usedUp}, "quota")
	s.says(t, []string{usedUp}, "why", s.without(t)[0].AppID)
	s.stays(t, "while closed", map[string]int{"2.0.0": quota - reserve + raise})

	s.lever(t, "quota", fmt.Sprintf(`{"rest":%d}`, reserve+all-quota+reserve-raise))
	s.arrived(t, "bulk", "goes on after 85085", finished(map[string]int{"release/released": all}))
	if b := s.balanced(t); b.Submissions != all || b.Quota.Spent != all {
		t.Errorf("%d submissions, %d units of quota for %d apps", b.Submissions, b.Quota.Spent, all)
	}
}

// TestReserveDoesNotLeak: two workers take exactly what a reserve leaves, and a hotfix has its
// reserve at once; what it has not used yet stays kept.
func TestReserveDoesNotLeak(t *testing.T) {
	t.Parallel()
	const all, quota, reserve, hot = 50, 49, 20, 10
	s := calm(t, all, quota)
	s.apply(t, "name: bulk\ntemplate: {id: 1, version: 2.0.0}\nquota: {pool: bulk, reserve: {hotfix: 20}}", s.simApps(t))
	s.stays(t, "with a reserve", map[string]int{"2.0.0": quota - reserve})
	waiting := s.without(t)
	s.apply(t, "name: hotfix\ntemplate: {id: 1, version: 3.0.0}\nquota: {pool: hotfix}", waiting[:hot])
	s.arrived(t, "hotfix", "is live", finished(map[string]int{"release/released": hot}))
	s.stays(t, "beside the hotfix", map[string]int{"2.0.0": quota - reserve, "3.0.0": hot})
	s.arrived(t, "bulk", "waits for the rest of the reserve", finished(map[string]int{
		"release/released": quota - reserve, "submit/pending": len(waiting) - hot, "submit/skipped": hot,
	}))
	s.says(t, []string{"10 of 10 left are reserved for hotfix"}, "why", waiting[hot].AppID)
	if b := s.balanced(t); b.Submissions != quota-reserve+hot || b.Quota.Refused != 0 {
		t.Errorf("books %+v, want %d submissions and none refused", b, quota-reserve+hot)
	}
}

// TestOneRefusedAppStopsNoOther: WeChat answers one app 85085 while readings show units. The
// others are released.
func TestOneRefusedAppStopsNoOther(t *testing.T) {
	t.Parallel()
	const all = 40
	s := calm(t, all, 500)
	apps := s.simApps(t)
	refused := apps[3].AppID
	s.lever(t, "faults", fmt.Sprintf(`{"endpoint":"/wxa/submit_audit","appid":%q,"kind":"code","code":85085,"count":-1}`, refused))
	s.apply(t, "name: bulk\ntemplate: {id: 1, version: 2.0.0}", apps)
	s.arrived(t, "bulk", "one app is refused", finished(map[string]int{"release/released": all - 1, "submit/parked": 1}))
	s.says(t, []string{refused, "WeChat refused this app for lack of quota (85085) though the platform has some"}, "why", refused)
	for i, a := range s.simApps(t) {
		if want := a.AppID != refused; (a.Live == "2.0.0") != want || len(a.Submissions) == 1 != want {
			t.Errorf("app %d: %+v", i, a)
		}
	}
	if code := proctest.Fetch(t, "DELETE", s.sim+"/_sim/faults", "", nil); code != http.StatusOK {
		t.Fatalf("clear faults: %d", code)
	}
	s.arrived(t, "bulk", "the refused app is tried again", finished(map[string]int{"release/released": all}))
	if b := s.balanced(t); b.Submissions != all {
		t.Errorf("%d submissions of %d apps", b.Submissions, all)
	}
}

// TestBaselineReserveHolds: a plan of another pool leaves what the baseline keeps, also what it
// keeps more when the rollout runs already.
func TestBaselineReserveHolds(t *testing.T) {
	t.Parallel()
	const all, quota, reserve = 30, 25, 15
	s := calm(t, all, quota)
	s.write(t, "standing.yaml", "name: standing\ntemplate: {id: 1, version: 4.0.0}\ntargets: {all: true}\n")
	if r := s.enqueue(t, "baseline", "set", "-f", "standing.yaml", "--reserve", "15", "--reason", "e2e"); r.Code != 0 {
		t.Fatalf("baseline set: %s%s", r.Stdout, r.Stderr)
	}
	s.apply(t, "name: bulk\ntemplate: {id: 1, version: 2.0.0}", s.simApps(t))
	s.stays(t, "with a baseline", map[string]int{"2.0.0": quota - reserve})
	s.says(t, []string{"15 of 15 left are reserved for baseline"}, "why", s.without(t)[0].AppID)
	if r := s.enqueue(t, "baseline", "set", "-f", "standing.yaml", "--reserve", "20", "--reason", "e2e"); r.Code != 0 {
		t.Fatalf("baseline set: %s%s", r.Stdout, r.Stderr)
	}
	s.lever(t, "quota", fmt.Sprintf(`{"rest":%d}`, 22))
	s.stays(t, "with a larger reserve", map[string]int{"2.0.0": quota - reserve + 2})
	s.balanced(t)
}
