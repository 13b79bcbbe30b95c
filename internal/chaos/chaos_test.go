package chaos

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// group is faults that strike the same rollout.
type group struct {
	name   string
	faults []string
}

// whole is the full suite: a rollout per group.
var whole = []group{
	{"workers", []string{"kill-worker", "kill-at-wechat", "kill-at-redis", "terminate"}},
	{"redis-crash", []string{"redis-crash"}},
	{"stalls", []string{"redis-pause", "redis-freeze", "freeze-worker", "cut-off-worker"}},
	{"failover", []string{"failover"}},
	{"wechat", []string{"wechat-away", "wechat-loris", "reply-lost", "call-late"}},
	{"delete-queue", []string{"delete-queue"}},
	{"leases", []string{"two-controllers", "two-applies", "clocks-apart"}},
	{"disk-full", []string{"disk-full"}},
}

// cut is what runs in CI: most faults, in two rollouts.
var cut = []group{
	{"processes", []string{
		"kill-worker", "kill-at-wechat", "kill-at-redis", "terminate", "freeze-worker", "wechat-away", "wechat-loris", "reply-lost", "call-late",
		"two-controllers", "two-applies",
	}},
	{"store", []string{"redis-crash", "failover", "redis-freeze", "disk-full", "delete-queue"}},
}

// chosen are the groups to run, with the faults that -faults names, or all.
func chosen(t *testing.T) (list []group) {
	t.Helper()
	names := strings.Split(*only, ",")
	groups := cut
	if *full || *only != "" {
		groups = whole
	}
	for _, g := range groups {
		if *only != "" {
			g.faults = slices.DeleteFunc(slices.Clone(g.faults), func(name string) bool { return !slices.Contains(names, name) })
		}
		if len(g.faults) > 0 {
			list = append(list, g)
		}
	}
	return list
}

// named are the faults of a group.
func (g group) named() []fault {
	return slices.DeleteFunc(faults(), func(f fault) bool { return !slices.Contains(g.faults, f.name) })
}

// busy bounds how many rollouts run at a time: each waits for leases half of its time.
var busy = make(chan struct{}, 3)

// times is how often a fault is injected into a rollout.
func times(f fault) int {
	if *full || *only != "" {
		return f.times
	}
	return min(2, (f.times+3)/4)
}

// TestChaos runs a rollout per group of faults.
func TestChaos(t *testing.T) {
	t.Parallel()
	for _, g := range chosen(t) {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			x := round{
				name: g.name, faults: g.named(), times: times, timeout: 90 * time.Second,
				o: options{apps: *apps, audit: "1s-3s", slots: workers(program("worker"))},
			}
			res := x.run(t)
			results.add(x.faults, res)
			for _, f := range res.findings {
				t.Errorf("%v", f)
			}
			for _, f := range x.faults {
				if res.injected[f.name] == 0 {
					t.Errorf("%s was never injected: the rollout was over too soon", f.name)
				}
			}
			t.Logf("%s: %d targets in %s, injected %v", x.name, res.targets, res.took, res.injected)
		})
	}
}
