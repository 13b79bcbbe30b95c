package chaos

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/proctest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/wxsim"
)

// Waits of the workers: short, so that leases run out within a rollout.
const (
	callTimeout = 2 * time.Second
	settle      = 5 * time.Second
	lateBy      = 2600 * time.Millisecond // beyond callTimeout, well within settle
	leaderTTL   = 6 * time.Second         // the leader's lease, see internal/app
)

// options are what a rollout is run with.
type options struct {
	apps  int
	audit string // how long an audit takes
	slots []slotOptions
	env   []string      // of every worker
	call  time.Duration // time limit of a call, if not callTimeout; leases are three times as long
}

// slotOptions are what one worker is run with.
type slotOptions struct {
	program string
	env     []string
}

// workers are three of the same.
func workers(program string) []slotOptions {
	return []slotOptions{{program: program}, {program: program}, {program: program}}
}

// rig is a whole platform: simulator, Redis, workers, and what is in between.
type rig struct {
	t     *testing.T
	name  string
	apps  int
	audit string
	call  time.Duration // time limit of a call
	dir   string
	sim   string // base URL
	env   []string
	store *store
	fleet []*slot
	ended chan struct{} // closed when the rollout is over

	mu       sync.Mutex
	journal  []string
	findings []finding
	foreign  int // submissions that we made as another tool
}

func newRig(t *testing.T, name string, o options) *rig {
	r := &rig{t: t, name: name, apps: o.apps, audit: o.audit, call: cmp.Or(o.call, callTimeout), dir: t.TempDir(), ended: make(chan struct{})}
	n := strconv.Itoa(o.apps)
	sim := proctest.Start(t, program("wxsim"), nil, "--addr", "127.0.0.1:0", "--apps", n, "--seed", strconv.FormatUint(*seed, 10),
		"--quota", strconv.Itoa(o.apps/2), "--quota-limit", strconv.Itoa(4*o.apps), "--busy", "0.01", "--lost", "0.005", "--reject", "0.1",
		"--latency", "2ms-20ms", "--audit-delay", o.audit, "--privacy-delay", "200ms", "--ticket-every", "0s")
	hint := sim.Await(t, `(http://\S+) \(.*export (.*)$`)
	r.sim = hint[1]
	r.store = newStore(t)
	r.env = append(strings.Fields(hint[2]),
		"WXROLLOUT_SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "WXROLLOUT_LISTEN=127.0.0.1:0", "WXROLLOUT_LOG_LEVEL=debug",
		"WXROLLOUT_CALL_TIMEOUT="+r.call.String(), "WXROLLOUT_LEASE="+r.lease().String(), "WXROLLOUT_DRAIN="+(2*r.call).String(),
		"WXROLLOUT_SETTLE="+settle.String(), "WXROLLOUT_PRIVACY_POLL=500ms", "WXROLLOUT_VERDICT_POLL=500ms", "WXROLLOUT_QUOTA_POLL=1s",
		"WXROLLOUT_BUSY_BASE=200ms", "WXROLLOUT_BUSY_CAP=2s", "WXROLLOUT_BUSY_PARK=2s", "WXROLLOUT_MERCHANT_POLL=2s", "WXROLLOUT_IN_AUDIT_POLL=2s")
	r.env = append(r.env, o.env...)
	r.writePlan("spring", "3.9.0")
	for i, so := range o.slots {
		r.fleet = append(r.fleet, newSlot(r, fmt.Sprintf("worker-%d", i+1), so))
	}
	t.Cleanup(func() {
		for _, s := range r.fleet {
			s.close(false)
		}
	})
	return r
}

// lease is how long assignments last.
func (r *rig) lease() time.Duration { return 3 * r.call }

// writePlan writes a plan for every app.
func (r *rig) writePlan(name, version string) {
	var list strings.Builder
	list.WriteString("appid\r\n")
	for _, a := range r.views() {
		list.WriteString(a.AppID + "\r\n")
	}
	plan := fmt.Sprintf("name: %s\ntemplate: {id: 1, version: %s, desc: spring sale}\ntargets: {file: apps.csv}\n", name, version)
	for file, text := range map[string]string{"apps.csv": list.String(), name + ".yaml": plan} {
		if err := os.WriteFile(filepath.Join(r.dir, file), []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// views are the apps as the simulator sees them.
func (r *rig) views() []wxsim.AppView {
	var all []wxsim.AppView
	for len(all) < r.apps {
		var page struct{ Apps []wxsim.AppView }
		proctest.Fetch(r.t, "GET", fmt.Sprintf("%s/_sim/apps?offset=%d&limit=500", r.sim, len(all)), "", &page)
		if len(page.Apps) == 0 {
			r.t.Fatal("the simulator lists too few apps")
		}
		all = append(all, page.Apps...)
	}
	return all
}

// start starts the workers and waits until each runs.
func (r *rig) start(ctx context.Context) {
	for _, s := range r.fleet {
		go s.supervise()
	}
	for _, s := range r.fleet {
		if !s.up(ctx) {
			r.t.Fatalf("%s never started", s.name)
		}
	}
}

// apply applies a plan, so many at once.
func (r *rig) apply(name string, n int) {
	r.t.Helper()
	env := append([]string{"WXROLLOUT_REDIS_URL=redis://" + r.store.addr() + "/0", "WXROLLOUT_WECHAT_URL=" + r.sim}, operatorEnv(r.env)...)
	codes := make([]int, n)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() {
			codes[i] = proctest.Call(r.t, program("enqueue"), env, r.dir, "apply", "-f", name+".yaml", "--yes", "--reason", "chaos").Code
		})
	}
	wg.Wait()
	for i, code := range codes {
		if code != 0 {
			r.found(kindLost, "apply %d of %d of plan %s: exit code %d, want 0", i+1, n, name, code)
		}
	}
}

// operatorEnv leaves out what only workers are asked about.
func operatorEnv(env []string) []string {
	var out []string
	for _, kv := range env {
		if !strings.HasPrefix(kv, "WXROLLOUT_LOG_LEVEL") {
			out = append(out, kv)
		}
	}
	return out
}

// books are the simulator's; an error while it is busy is nil.
func (r *rig) books(ctx context.Context) (b wxsim.Books, err error) {
	code, err := proctest.Ask(ctx, "GET", r.sim+"/_sim/books", "", &b)
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("the books: status %d", code)
	}
	return b, err
}

func (r *rig) ledger() *ledger.Ledger { return ledger.New(r.store.rdb, ledger.Options{}) }

// progress is how much of the work WeChat has seen: 0 to 1.
func (r *rig) progress(ctx context.Context) float64 {
	b, err := r.books(ctx)
	if err != nil {
		return 0
	}
	return min(1, float64(b.Commits+b.Submissions+b.Releases)/float64(3*r.apps))
}

// over reports whether the rollout is.
func (r *rig) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// until waits for progress, or for the rollout's end (false).
func (r *rig) until(ctx context.Context, progress float64) bool {
	for !r.over() && ctx.Err() == nil {
		if r.progress(ctx) >= progress {
			return true
		}
		wait(ctx, 150*time.Millisecond)
	}
	return false
}

// note writes to the journal, which is printed when something was found.
func (r *rig) note(format string, args ...any) {
	line := time.Now().UTC().Format("15:04:05.000 ") + fmt.Sprintf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.journal = append(r.journal, line)
}

// found notes what is wrong.
func (r *rig) found(k kind, format string, args ...any) {
	r.note(string(k)+": "+format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findings = append(r.findings, finding{kind: k, text: fmt.Sprintf(format, args...)})
}
