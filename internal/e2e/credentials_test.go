package e2e

import (
	"encoding/json"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/proctest"
	"github.com/wxrollout/wxrollout/internal/redistest"
)

// freeAddr is an address without a listener: the simulator has to know the worker's before either runs.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // unused
	return l.Addr().String()
}

// TestNothingButCredentials: a worker with the component's appid and secret and the callbacks' token and key, all
// else at its defaults, gets its ticket by callback, syncs every app and releases a plan for all of them. It is given no
// ticket, a token or a list of apps.
func TestNothingButCredentials(t *testing.T) {
	t.Parallel()
	n, worker := strconv.Itoa(*apps), freeAddr(t)
	sim := proctest.Start(t, program("wxsim"), nil, "--addr", "127.0.0.1:0", "--apps", n, "--seed", "31",
		"--quota", n, "--quota-limit", n, "--audit-delay", "1s-3s", "--privacy-delay", "0s", "--ticket-every", "1s",
		"--push-auth-url", "http://"+worker+"/wechat/auth", "--push-app-url", "http://"+worker+"/wechat/app/$APPID$")
	hint := sim.Await(t, `(http://\S+) \(.*export (.*)$`)
	s := &stage{sim: hint[1], dir: t.TempDir(), env: slices.DeleteFunc(strings.Fields(hint[2]), func(setting string) bool {
		return strings.HasPrefix(setting, "WXROLLOUT_COMPONENT_TICKET=")
	})}
	s.env = append(s.env, "WXROLLOUT_LISTEN="+worker,
		"WXROLLOUT_REDIS_URL=redis://"+redistest.Start(t, redistest.AOF()).Addr()+"/0",
		"WXROLLOUT_SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	begun := time.Now()
	s.worker(t)
	s.until(t, "every app is synced", func() bool {
		var status fleet.Status
		r := s.enqueue(t, "apps", "sync", "--status", "-o", "json")
		if err := json.Unmarshal([]byte(r.Stdout), &status); r.Code != 0 || err != nil {
			t.Fatalf("apps sync --status: %v", err)
		}
		return status.Apps == *apps && status.Unread == 0 && !status.Synced.IsZero()
	})
	synced := time.Since(begun)
	s.write(t, "all.yaml", "name: spring\ntemplate: {latest: true}\ntargets: {all: true}\n")
	if r := s.enqueue(t, "apply", "-f", "all.yaml", "--yes", "--reason", "e2e"); r.Code != 0 {
		t.Fatal("apply failed")
	}
	if r := s.enqueue(t, "watch", "--exit-status", "spring"); r.Code != 0 {
		t.Errorf("watch --exit-status: %d, want 0", r.Code)
	}
	b := s.balanced(t)
	if states := s.states(t); states["released"] != *apps || b.Releases != int64(*apps) || b.Submissions != int64(*apps) || b.Quota.Spent != int64(*apps) {
		t.Errorf("states %v and books %+v, want all %d released by one submission each", states, b, *apps)
	}
	if got := s.renewals(t); got.Component != 1 || got.Most > 1 || got.Renewed > *apps {
		t.Errorf("renewals %+v, want 1 of the component and at most 1 of an app", got)
	}
	var more struct {
		Endpoints []struct {
			Path  string
			Calls int64
		}
		Callbacks json.RawMessage `json:"pushes"`
	}
	proctest.Fetch(t, "GET", s.sim+"/_sim/books", "", &more)
	t.Logf("%d apps synced after %s, released after %s; callbacks %s", *apps, synced.Round(time.Second), time.Since(begun).Round(time.Second), more.Callbacks)
	for _, e := range more.Endpoints {
		t.Logf("%6d %s", e.Calls, e.Path)
	}
}
