package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// mutant is a deliberate bug. The suite is to find it: otherwise its zeros prove
// nothing.
type mutant struct {
	name  string
	fault string // that shows it
	want  kind
	edits []edit
	// cut says that it is part of the cut for CI.
	cut bool
}

// mutants are the bugs that the suite has to find.
func mutants() []mutant {
	return []mutant{
		{
			name: "skip-read-back", fault: "reply-lost", want: kindDoubled, cut: true,
			edits: []edit{
				{"tasks/stage/submit.go", "case owner == whose.Ours:", "case false && owner == whose.Ours:"},
			},
		},
		{
			name: "believe-at-once", fault: "call-late", want: kindDoubled,
			edits: []edit{
				{"tasks/classify/facts.go", "	if left <= 0 {\n		return nil\n	}\n	return rollout.Waited{\n		At: f.Now, Reason: rollout.ReasonUnknown, For: left,", "	if left <= 1000*time.Hour {\n		return nil\n	}\n	return rollout.Waited{\n		At: f.Now, Reason: rollout.ReasonUnknown, For: left,"},
				// It would look again only after that time.
				{"tasks/classify/outcome.go", "At: f.Now, Reason: rollout.ReasonUnknown, For: f.Growing(rollout.CauseUnshown, f.Waits.Settle),", "At: f.Now, Reason: rollout.ReasonUnknown, For: time.Millisecond,"},
			},
		},
		{
			name: "skip-lease", fault: "slow-calls", want: kindOverlap,
			edits: []edit{
				{"ledger/due.lua", "'-inf', int(now_ms), 'LIMIT'", "'-inf', int(now_ms + 5000), 'LIMIT'"},
				{"ledger/due.lua", "t.due <= now_ms then", "t.due <= now_ms + 5000 then"},
			},
		},
		{
			name: "skip-fence", fault: "slow-calls", want: kindOverlap,
			edits: []edit{
				{"ledger/start.lua", "or t.fence ~= tonumber(ARGV[3]) then", "then"},
				{"ledger/start.lua", "if t.reason == 'acting' and t.due > now_ms then", "if false then"},
				{"ledger/save.lua", "or t.version ~= tonumber(ARGV[3]) or t.fence ~= tonumber(ARGV[4]) then", "then"},
			},
		},
		{
			name: "skip-pin", fault: "foreign-submission", want: kindUnpinned,
			edits: []edit{
				{"tasks/stage/release.go", "last := whose.Audit(r.Mark(), r.Target.AuditID, latest)", "last := whose.Ours\n\tlatest.ID, latest.Status = r.Target.AuditID, wxclient.AuditPassed"},
			},
		},
		{
			name: "skip-owner", fault: "two-rollouts", want: kindUnpinned,
			edits: []edit{
				{"ledger/internal/db/prelude.lua", "if not owner or owner == rollout then return 'go', owner end", "if true then return 'go', owner end"},
			},
		},
		{
			name: "skip-expiry", fault: "kill-worker", want: kindLost,
			edits: []edit{
				{"rollout/dispatch/controller.go", "p.Expired, err = c.store.ExpireDue(ctx, c.opts.Batch); err != nil", "p.Expired, err = 0, nil; err != nil"},
			},
		},
		{
			name: "skip-quarantine", fault: "crash-in-long-calls", want: kindOverlap,
			edits: []edit{
				{"ledger/internal/db/prelude.lua", "local wait = known[1] and lease or 0", "local wait = 0"},
			},
		},
	}
}

// TestDeliberateBugsFit: the code that a bug changes is there, also of bugs that
// only the whole suite runs.
func TestDeliberateBugsFit(t *testing.T) {
	t.Parallel()
	for _, m := range mutants() {
		if _, err := changed(m.edits); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

// TestDeliberateBugs runs each with the fault that shows it, and fails if the
// suite finds nothing of the kind.
func TestDeliberateBugs(t *testing.T) {
	t.Parallel()
	all := append(faults(), provocations()...)
	names := strings.Split(*only, ",")
	for _, m := range mutants() {
		if *only != "" && !slices.Contains(names, m.name) || *only == "" && !*full && !m.cut {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(all, func(f fault) bool { return f.name == m.fault })
			x := round{
				name: m.name, faults: all[i : i+1], times: func(f fault) int { return f.times },
				timeout: 4*callTimeout + settle + 10*time.Second, enough: m.want,
				o: options{apps: min(*apps, 300), audit: "500ms-1s"},
			}
			x.o.slots = workers(buildWorker(t, "worker-"+m.name, m.edits, nil))
			res := x.run(t)
			kinds := make(map[kind]bool)
			for _, f := range res.findings {
				kinds[f.kind] = true
			}
			got := fmt.Sprint(slices.Sorted(maps.Keys(kinds)))
			results.addMutant(mutantRow{name: m.name, fault: m.fault, want: m.want, got: got})
			t.Logf("%s: %v after %s and %d times %s", m.name, got, res.took, res.injected[m.fault], m.fault)
			if !kinds[m.want] {
				t.Errorf("the bug was not found as %q, only %v, with %d times %s", m.want, res.findings, res.injected[m.fault], m.fault)
			}
		})
	}
}

// TestProvocationsAreNoFaults runs what shows deliberate bugs against the real
// worker: it must be the bug that shows, not the provocation.
func TestProvocationsAreNoFaults(t *testing.T) {
	t.Parallel()
	never := []kind{kindDoubled, kindUnpinned, kindOverlap}
	for _, f := range provocations() {
		if !*full && !slices.Contains(strings.Split(*only, ","), f.name) {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			x := round{
				name: f.name, faults: []fault{f}, times: func(f fault) int { return min(2, f.times) }, timeout: 90 * time.Second,
				o: options{apps: min(*apps, 150), audit: "500ms-1s", slots: workers(program("worker"))},
			}
			res := x.run(t)
			for _, found := range res.findings {
				if slices.Contains(never, found.kind) {
					t.Errorf("%v", found)
				}
			}
			t.Logf("%s: %v after %s, injected %v", f.name, res.findings, res.took, res.injected)
		})
	}
}
