package wxsim

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// errLost is what direct returns when the connection would have been broken.
var errLost = errors.New("the reply was lost")

// direct calls the simulator in process: no sockets.
func direct(s *Sim, method, path, body string) (reply string, err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
			err = errLost
		} else if p != nil {
			panic(p)
		}
	}()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, in))
	return w.Body.String(), nil
}

// worker upgrades one app as a careful client does: it reads back what is unclear.
type worker struct {
	t     *testing.T
	sim   *Sim
	id    string
	token string
}

func newWorker(t *testing.T, s *Sim, id string) *worker {
	t.Helper()
	return &worker{t: t, sim: s, id: id, token: accessToken(s, id)}
}

// accessToken issues an access token without a call.
func accessToken(s *Sim, id string) string {
	a := s.world.App(id)
	a.Lock()
	defer a.Unlock()
	return a.AccessToken(s.world.Clock.Now())
}

// until repeats a call until it is answered with anything but -1; lost reports that a reply was lost instead.
func (w *worker) until(method, path, body string) (reply string, lost bool) {
	for {
		reply, err := direct(w.sim, method, withToken(path, w.token), body)
		if err != nil {
			return "", true
		}
		if !strings.Contains(reply, `"errcode":-1,`) {
			return reply, false
		}
	}
}

// upgrade takes the app to a version, however often it is rejected.
func (w *worker) upgrade(version string) {
	commit := fmt.Sprintf(`{"template_id":1,"ext_json":"{}","user_version":%q,"user_desc":"d"}`, version)
	for !w.shows("exp_version", version) {
		w.until("POST", "/wxa/commit", commit)
	}
	for {
		w.submit(version)
		if w.audited(version) == AuditPassed {
			break
		}
	}
	for !w.shows("release_version", version) {
		w.until("POST", "/wxa/release", "{}")
	}
}

// submit submits until the latest audit is one that was not there before.
func (w *worker) submit(version string) {
	before, _ := w.until("GET", "/wxa/get_latest_auditstatus", "")
	for {
		w.until("POST", "/wxa/submit_audit", "{}")
		if now, _ := w.until("GET", "/wxa/get_latest_auditstatus", ""); trimRID(now) != trimRID(before) {
			return
		}
	}
}

func trimRID(reply string) string {
	head, _, _ := strings.Cut(reply, " rid: ")
	return head
}

func (w *worker) shows(field, version string) bool {
	reply, _ := w.until("POST", "/wxa/getversioninfo", "{}")
	return strings.Contains(reply, fmt.Sprintf("%q:%q", field, version))
}

func (w *worker) audited(version string) int {
	reply, _ := w.until("GET", "/wxa/get_latest_auditstatus", "")
	for state := range 5 {
		if strings.Contains(reply, fmt.Sprintf(`"status":%d`, state)) && strings.Contains(reply, fmt.Sprintf("%q", version)) {
			return state
		}
	}
	w.t.Fatalf("app %s: no audit of %s: %s", w.id, version, reply)
	return -1
}

// TestTallyDoesNotDependOnScheduling: the same seed gives the same books, in any order of concurrent calls.
func TestTallyDoesNotDependOnScheduling(t *testing.T) {
	t.Parallel()
	const apps, queueNames = 60, 8
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	type outcome struct {
		Tally     Tally
		Audits    AuditCounts
		Quota     QuotaBook
		Endpoints []EndpointBook
		Apps      []AppView
	}
	run := func(shuffle uint64) outcome {
		s := New(Options{
			Clock: NewManualClock(start), Seed: seed, Apps: apps, RejectRate: 0.3, BusyRate: 0.2, LostRate: 0.2, TokenTTL: 100 * time.Hour,
		})
		defer s.Close()
		order := rand.New(rand.NewPCG(shuffle, 0)).Perm(apps)
		work := make(chan int)
		var wg sync.WaitGroup
		for range queueNames {
			wg.Go(func() {
				for i := range work {
					w := newWorker(t, s, AppID(i))
					w.upgrade("2")
					w.upgrade("3")
				}
			})
		}
		for _, i := range order {
			work <- i
		}
		close(work)
		wg.Wait()
		books := s.Books()
		if err := books.Check(); err != nil {
			t.Errorf("books: %v", err)
		}
		views, _ := s.Apps("", 0, apps)
		return outcome{s.Tally(), books.Audits, books.Quota, books.Endpoints, views}
	}
	first := run(1)
	if first.Tally.Live["3"] != apps || first.Audits.Rejected == 0 || first.Audits.Passed != 2*apps {
		t.Errorf("tally %+v, audits %+v: want all apps on version 3 and some rejections", first.Tally, first.Audits)
	}
	for shuffle := range uint64(2) {
		if diff := cmp.Diff(first, run(shuffle+2)); diff != "" {
			t.Errorf("another order gave another tally (-first +now):\n%s", diff)
		}
	}
}

// TestSeedsDiffer: the seed decides who is rejected, and nothing else does.
func TestSeedsDiffer(t *testing.T) {
	t.Parallel()
	rejected := func(seed uint64) string {
		s := New(Options{Clock: NewManualClock(start), Seed: seed, Apps: 64, RejectRate: 0.5})
		defer s.Close()
		var out strings.Builder
		for i := range 64 {
			w := newWorker(t, s, AppID(i))
			w.until("POST", "/wxa/commit", `{"template_id":1,"ext_json":"{}","user_version":"2","user_desc":"d"}`)
			w.until("POST", "/wxa/submit_audit", "{}")
			fmt.Fprint(&out, w.audited("2"))
		}
		return out.String()
	}
	one, again, other := rejected(1), rejected(1), rejected(2)
	if one != again || one == other {
		t.Errorf("seed 1 gave %s then %s, seed 2 gave %s", one, again, other)
	}
	if n := strings.Count(one, "1"); n < 16 || n > 48 {
		t.Errorf("%d of 64 rejected at a rate of a half", n)
	}
}

// BenchmarkCalls measures polling and a write from many apps at once, in process.
func BenchmarkCalls(b *testing.B) {
	const apps = 10_000
	s := New(Options{Apps: apps})
	defer s.Close()
	tokens := make([]string, apps)
	for i := range tokens {
		tokens[i] = accessToken(s, AppID(i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := rand.IntN(apps); pb.Next(); i++ {
			token := tokens[i%apps]
			var err error
			if i%4 == 0 {
				_, err = direct(s, "POST", "/wxa/commit?access_token="+token, `{"template_id":1,"ext_json":"{}","user_version":"2","user_desc":"d"}`)
			} else {
				_, err = direct(s, "POST", "/wxa/getversioninfo?access_token="+token, "{}")
			}
			if err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
