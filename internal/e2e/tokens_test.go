package e2e

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

// renewals are the simulator's count of tokens that were fetched: the component's, the apps' in all, and
// the most that one app had.
type renewals struct {
	Component, Apps int64
	Renewed         int
	Most            int64
}

func (s *stage) renewals(t *testing.T) renewals {
	t.Helper()
	var b struct{ Renewals renewals }
	proctest.Fetch(t, "GET", s.sim+"/_sim/books", "", &b)
	return b.Renewals
}

func (s *stage) lever(t *testing.T, name, body string) {
	t.Helper()
	if code := proctest.Fetch(t, "POST", s.sim+"/_sim/"+name, body, nil); code != 200 {
		t.Fatalf("lever %s answers %d", name, code)
	}
}

// expireAll makes WeChat forget every token there is.
func (s *stage) expireAll(t *testing.T) {
	t.Helper()
	s.lever(t, "expire-component-token", "{}")
	s.lever(t, "expire-tokens", `{"all":true}`)
}

// TestEightProcessesOneRenewal: eight workers begin at once in mid-rollout, with a Redis full of tokens that
// WeChat takes no more. One of them renews the component's, and each app's is renewed once at the most. Then
// every token is refused again and again while all of them work: each refusal of a token costs one
// renewal, whoever sees it.
func TestEightProcessesOneRenewal(t *testing.T) {
	t.Parallel()
	s := setUp(t, 2**apps)
	s.lever(t, "busy-rate", `{"rate":0}`) // no renewal may fail for another reason
	s.lever(t, "lost-rate", `{"rate":0}`)
	s.lever(t, "audit-delay", `{"range":"1h"}`) // so that the rollout goes on
	first, _ := s.worker(t)
	if r := s.enqueue(t, "apply", "-f", "plan.yaml", "--yes"); r.Code != 0 {
		t.Fatal("apply failed")
	}
	s.until(t, "every app was submitted", func() bool { return s.balanced(t).Submissions == int64(*apps) })
	first.Signal(syscall.SIGTERM)
	<-first.Done()

	s.expireAll(t)
	s.lever(t, "forget-renewals", "{}")
	s.lever(t, "pass-everything", "{}")
	s.lever(t, "approve", `{"all":true}`)
	var begin sync.WaitGroup
	for range 8 {
		begin.Go(func() { proctest.Start(t, program("worker"), s.env) })
	}
	begin.Wait()
	s.until(t, "a tenth is released", func() bool { return s.balanced(t).Releases >= int64(*apps/10) })
	got := s.renewals(t)
	if got.Component != 1 || got.Most != 1 {
		t.Errorf("renewals %+v after a start with expired tokens, want 1 of the component and 1 of an app", got)
	}

	storms := int64(0)
	s.until(t, "all are released, in storms of refusals", func() bool {
		s.expireAll(t)
		storms++
		return s.balanced(t).Releases+s.rejected(t) == int64(*apps)
	})
	got = s.renewals(t)
	if got.Component > 1+storms || got.Most > 1+storms {
		t.Errorf("renewals %+v, want %d at the most: one for each expiry", got, 1+storms)
	}
	t.Logf("%d storms, renewals %+v", storms, got)
}

// rejected counts the audits that the simulator rejected.
func (s *stage) rejected(t *testing.T) int64 {
	t.Helper()
	var b struct{ Audits struct{ Rejected int64 } }
	proctest.Fetch(t, "GET", s.sim+"/_sim/books", "", &b)
	return b.Audits.Rejected
}

// until looks every half second until something is true.
func (s *stage) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(5 * time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("never: %s", what)
		}
	}
}
