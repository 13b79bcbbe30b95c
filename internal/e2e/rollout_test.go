package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/proctest"
	"github.com/wxrollout/wxrollout/internal/redistest"
)

// stage is a whole platform: Redis, the simulator and the settings of workers.
type stage struct {
	sim string // base URL
	env []string
	dir string
}

func setUp(t *testing.T, quota int) *stage {
	t.Helper()
	n := strconv.Itoa(*apps)
	sim := proctest.Start(t, program("wxsim"), nil, "--addr", "127.0.0.1:0", "--apps", n, "--seed", "11",
		"--quota", strconv.Itoa(quota), "--quota-limit", n, "--busy", "0.1", "--lost", "0.05", "--reject", "0.1",
		"--audit-delay", "1s-3s", "--privacy-delay", "500ms", "--ticket-every", "0s")
	hint := sim.Await(t, `(http://\S+) \(.*export (.*)$`)
	s := &stage{sim: hint[1], dir: t.TempDir()}
	s.env = append(strings.Fields(hint[2]),
		"WXROLLOUT_REDIS_URL=redis://"+redistest.Start(t, redistest.AOF()).Addr()+"/0",
		"WXROLLOUT_SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"WXROLLOUT_SETTLE=3s", "WXROLLOUT_PRIVACY_POLL=1s", "WXROLLOUT_VERDICT_POLL=1s", "WXROLLOUT_QUOTA_POLL=2s",
		"WXROLLOUT_BUSY_BASE=1s", "WXROLLOUT_BUSY_CAP=4s", "WXROLLOUT_BUSY_PARK=3s",
		"WXROLLOUT_CALL_TIMEOUT=5s", "WXROLLOUT_LEASE=15s", "WXROLLOUT_LISTEN=127.0.0.1:0")
	var list strings.Builder
	list.WriteString("appid,label\r\n")
	var page struct {
		Apps []struct {
			AppID string `json:"appid"`
		} `json:"apps"`
	}
	for offset := 0; offset < *apps; offset += len(page.Apps) {
		page.Apps = nil
		proctest.Fetch(t, "GET", fmt.Sprintf("%s/_sim/apps?offset=%d&limit=500", s.sim, offset), "", &page)
		if len(page.Apps) == 0 {
			t.Fatal("the simulator lists too few apps")
		}
		for _, a := range page.Apps {
			fmt.Fprintf(&list, "%s,shop %d\r\n", a.AppID, offset)
		}
	}
	s.write(t, "apps.csv", list.String())
	s.write(t, "plan.yaml", "name: spring\ntemplate: {id: 1, version: 3.9.0, desc: spring sale}\ntargets: {file: apps.csv}\n")
	return s
}

func (s *stage) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// worker starts a worker and returns it with its HTTP address.
func (s *stage) worker(t *testing.T) (*proctest.Process, string) {
	t.Helper()
	w := proctest.Start(t, program("worker"), s.env)
	m := w.Await(t, `"listen":"([^"]+)".*worker started`)
	return w, "http://" + m[1]
}

func (s *stage) enqueue(t *testing.T, args ...string) proctest.Result {
	t.Helper()
	return proctest.Call(t, program("enqueue"), s.env, s.dir, args...)
}

// books are what we compare of the simulator's.
type books struct {
	Submissions       int64
	Releases          int64
	Quota             struct{ Spent, Refused int64 }
	DoubleSubmissions struct{ Total int64 } `json:"double_submissions"`
	UnpinnedReleases  struct{ Total int64 } `json:"unpinned_releases"`
	OverlappingCalls  struct{ Total int64 } `json:"overlapping_calls"`
	DoubleReleases    struct{ Total int64 } `json:"double_releases"`
}

// balanced fails the test unless the simulator's books are.
func (s *stage) balanced(t *testing.T) books {
	t.Helper()
	var verdict string
	if code := proctest.Fetch(t, "GET", s.sim+"/_sim/check?closing=9", "", &verdict); code != 200 {
		t.Errorf("the simulator's books: %s", verdict)
	}
	var b books
	proctest.Fetch(t, "GET", s.sim+"/_sim/books", "", &b)
	t.Logf("books: %+v", b)
	return b
}

// raiseLater gives the platform its whole quota once it has run out for a while.
func (s *stage) raiseLater(t *testing.T, done <-chan struct{}) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for empty := 0; empty < 10; {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		var b struct{ Quota struct{ Rest int } }
		proctest.Fetch(t, "GET", s.sim+"/_sim/books", "", &b)
		if b.Quota.Rest == 0 {
			empty++
		}
	}
	proctest.Fetch(t, "POST", s.sim+"/_sim/quota", fmt.Sprintf(`{"rest":%d,"limit":%d}`, 2**apps, 2**apps), nil)
}

// watched runs the rollout to its end while meanwhile happens beside it.
func (s *stage) watched(t *testing.T, meanwhile func()) proctest.Result {
	t.Helper()
	done := make(chan struct{})
	beside := make(chan struct{})
	go func() {
		defer close(beside)
		s.raiseLater(t, done)
	}()
	go meanwhile()
	r := s.enqueue(t, "watch", "--exit-status", "spring")
	close(done)
	<-beside
	return r
}

// states counts the targets by state.
func (s *stage) states(t *testing.T) map[string]int {
	t.Helper()
	r := s.enqueue(t, "get", "targets", "spring", "-o", "csv")
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	column := -1
	for i, name := range strings.Split(lines[0], ",") {
		if name == "state" {
			column = i
		}
	}
	if column < 0 {
		t.Fatalf("no state column in %q", lines[0])
	}
	count := make(map[string]int)
	for _, l := range lines[1:] {
		count[strings.Split(l, ",")[column]]++
	}
	return count
}

func TestRolloutByTwoWorkers(t *testing.T) {
	t.Parallel()
	s := setUp(t, *apps*3/4)
	_, one := s.worker(t)
	_, two := s.worker(t)
	if r := s.enqueue(t, "apply", "-f", "plan.yaml", "--yes", "--reason", "e2e"); r.Code != 0 {
		t.Fatal("apply failed")
	}
	const completedWithFailures = 6
	if r := s.watched(t, func() {}); r.Code != completedWithFailures {
		t.Errorf("watch --exit-status: %d, want %d", r.Code, completedWithFailures)
	}
	b := s.balanced(t)
	states := s.states(t)
	if states["released"]+states["rejected"] != *apps || states["rejected"] == 0 {
		t.Errorf("states %v, want all %d released or rejected, and some rejected", states, *apps)
	}
	if int64(states["released"]) != b.Releases || b.Submissions != int64(*apps) {
		t.Errorf("states %v and books %+v differ", states, b)
	}
	m := scrape(t, one, two)
	if got := m[`wxrollout_verdicts_total{verdict="passed"}`] + m[`wxrollout_verdicts_total{verdict="rejected"}`]; got != float64(*apps) {
		t.Errorf("the workers' metrics hold %v verdicts, want %d", got, *apps)
	}
	if got := m[`wxrollout_transitions_total{event="finished",stage="release",state="released"}`]; got != float64(b.Releases) {
		t.Errorf("the workers' metrics hold %v releases, the books %d", got, b.Releases)
	}

	proctest.Fetch(t, "POST", s.sim+"/_sim/pass-everything", "{}", nil)
	if r := s.enqueue(t, "retry", "spring", "--state", "rejected", "--yes", "--reason", "e2e"); r.Code != 0 {
		t.Fatal("retry failed")
	}
	if r := s.enqueue(t, "watch", "--exit-status", "spring"); r.Code != 0 {
		t.Errorf("watch --exit-status after the retry: %d, want 0", r.Code)
	}
	if states := s.states(t); states["released"] != *apps {
		t.Errorf("states after the retry: %v, want all %d released", states, *apps)
	}
	s.balanced(t)
}

func TestRolloutSurvivesKill(t *testing.T) {
	t.Parallel()
	s := setUp(t, *apps*3/4)
	victim, _ := s.worker(t)
	s.worker(t)
	if r := s.enqueue(t, "apply", "-f", "plan.yaml", "--yes", "--reason", "e2e"); r.Code != 0 {
		t.Fatal("apply failed")
	}
	s.watched(t, func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for range tick.C { // in the thick of it: a third has been submitted
			var b books
			proctest.Fetch(t, "GET", s.sim+"/_sim/books", "", &b)
			if b.Submissions > int64(*apps/3) {
				victim.Signal(syscall.SIGKILL)
				return
			}
		}
	})
	b := s.balanced(t)
	states := s.states(t)
	if states["released"]+states["rejected"] != *apps || int64(states["released"]) != b.Releases || b.Submissions != int64(*apps) {
		t.Errorf("after a kill: states %v, books %+v, want %d apps", states, b, *apps)
	}
}

// scrape adds up the metrics of workers.
func scrape(t *testing.T, workers ...string) map[string]float64 {
	t.Helper()
	sum := make(map[string]float64)
	for _, w := range workers {
		var text string
		proctest.Fetch(t, "GET", w+"/metrics", "", &text)
		for line := range strings.SplitSeq(text, "\n") {
			name, value, ok := strings.Cut(line, "} ")
			if !ok || strings.HasPrefix(line, "#") {
				continue
			}
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			sum[name+"}"] += v
		}
	}
	return sum
}
