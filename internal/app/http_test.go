package app_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/wxsim"
)

// door is the address of the callbacks: a worker behind it can be chosen
// when it listens.
type door struct {
	url    string
	behind atomic.Pointer[httputil.ReverseProxy]
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := d.behind.Load(); to != nil {
			to.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(srv.Close)
	d.url = srv.URL
	return d
}

// open forwards callbacks to a worker.
func (d *door) open(t *testing.T, a *app.App) {
	t.Helper()
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: a.Addr().String()})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	to.Transport = transport
	d.behind.Store(to)
}

// get asks a worker.
func get(ctx context.Context, a *app.App, path string) (code int, body string, err error) {
	return ask(ctx, a.Addr(), path)
}

func ask(ctx context.Context, addr net.Addr, path string) (code int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr.String()+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }() // it is read to its end
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// answers waits until a path of a worker gives a code and a text.
func answers(t *testing.T, a *app.App, path string, code int, text string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s answers %d with %q", path, code, text), func(ctx context.Context) (bool, string) {
		got, body, err := get(ctx, a, path)
		return got == code && strings.Contains(body, text), fmt.Sprint(got, body, err)
	})
}

// metric adds up the samples of a worker that begin with a name, labels and all
// if they are given.
func metric(ctx context.Context, a *app.App, name string) (sum float64, err error) {
	_, body, err := get(ctx, a, "/metrics")
	for line := range strings.SplitSeq(body, "\n") {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == ' ' || rest[0] == '{') {
			v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if err != nil {
				return 0, err
			}
			sum += v
		}
	}
	return sum, err
}

// leads waits until just one of the workers leads, and returns it.
func leads(t *testing.T, workers ...*app.App) *app.App {
	t.Helper()
	var leader *app.App
	eventually(t, "one of the workers leads", func(ctx context.Context) (bool, string) {
		var total float64
		for _, a := range workers {
			held, err := metric(ctx, a, "wxrollout_leader")
			if err != nil {
				return false, err.Error()
			}
			if held == 1 {
				leader = a
			}
			total += held
		}
		return total == 1, fmt.Sprint(total, " leaders")
	})
	return leader
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{})
	a := f.worker(t)
	answers(t, a, "/readyz", http.StatusOK, "ok")
	answers(t, a, "/healthz", http.StatusOK, "ok")

	rdb := f.redis.Client(t)
	eventually(t, "readyz reports that no worker leads", func(ctx context.Context) (bool, string) {
		if n, err := rdb.Del(ctx, "wxrollout:{lease:controller}").Result(); err != nil || n == 0 {
			return false, fmt.Sprint("deleted leases: ", n, err)
		}
		code, body, err := get(ctx, a, "/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "no worker leads"), fmt.Sprint(code, body, err)
	})
	answers(t, a, "/readyz", http.StatusOK, "ok") // it took the lease again

	const paused = "asynq:{audit}:paused"
	if err := rdb.Set(t.Context(), paused, "1700000000", 0).Err(); err != nil {
		t.Fatal(err)
	}
	answers(t, a, "/readyz", http.StatusOK, "the Asynq queue audit is paused since 2023-11-14T22:13:20Z: unpause it: asynq queue unpause audit")
	if err := rdb.Del(t.Context(), paused).Err(); err != nil {
		t.Fatal(err)
	}

	f.redis.Stop()
	answers(t, a, "/readyz", http.StatusServiceUnavailable, "redis: ")
	answers(t, a, "/healthz", http.StatusOK, "ok") // the process is well: restarting it would not help
	f.redis.Cont()
	answers(t, a, "/readyz", http.StatusOK, "ok")
	leads(t, a)

	f.redis.Kill()
	answers(t, a, "/readyz", http.StatusServiceUnavailable, "redis: ")
	f.redis.Restart()
	answers(t, a, "/readyz", http.StatusOK, "ok")
}

// TestReadinessNeedsWrites: a worker is not ready while Redis refuses writes, gives the reason, and recovers.
func TestReadinessNeedsWrites(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{})
	a := f.worker(t)
	rdb := f.redis.Client(t)
	answers(t, a, "/readyz", http.StatusOK, "ok")
	for _, tt := range []struct {
		want          string
		spoil, repair []any
	}{
		{"OOM", []any{"CONFIG", "SET", "maxmemory", "1"}, []any{"CONFIG", "SET", "maxmemory", "0"}},
		{"NOREPLICAS", []any{"CONFIG", "SET", "min-replicas-to-write", "1"}, []any{"CONFIG", "SET", "min-replicas-to-write", "0"}},
		{"READONLY", []any{"REPLICAOF", "127.0.0.1", "1"}, []any{"REPLICAOF", "NO", "ONE"}},
	} {
		if err := rdb.Do(t.Context(), tt.spoil...).Err(); err != nil {
			t.Fatal(err)
		}
		answers(t, a, "/readyz", http.StatusServiceUnavailable, "redis: redis://"+f.redis.Addr()+"/0: writes to wxr:*, wxrollout:*, asynq:* are refused ("+tt.want)
		if err := rdb.Do(t.Context(), tt.repair...).Err(); err != nil {
			t.Fatal(err)
		}
		answers(t, a, "/readyz", http.StatusOK, "ok")
	}
}

func TestReadinessNeedsToken(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{}, "COMPONENT_SECRET=ffffffffffffffffffffffffffffffff")
	a := f.worker(t)
	answers(t, a, "/readyz", http.StatusServiceUnavailable, "token source: ")
	_, body, err := get(t.Context(), a, "/readyz")
	if err != nil || strings.Contains(body, "ffffffff") || strings.Contains(body, wxsim.DefaultTicket) {
		t.Errorf("the reason shows a secret: %v", err)
	}
}

// TestDrainingIsNotReady: while a call hangs, the load balancer is notified.
func TestDrainingIsNotReady(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{Apps: 1}, "CALL_TIMEOUT=4s", "LEASE=12s")
	if err := f.sim.AddFault(wxsim.Fault{Endpoint: "/wxa/commit", Kind: wxsim.FaultHang}); err != nil {
		t.Fatal(err)
	}
	a := f.worker(t)
	id := f.apply(t, 1, "")
	eventually(t, "a commit hangs", func(context.Context) (bool, string) {
		for _, e := range f.sim.Books().Endpoints {
			if e.Path == "/wxa/commit" && e.Faults > 0 {
				return true, ""
			}
		}
		return false, "no commit"
	})
	stopping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		close(stopping)
		stop(t, a)
		close(stopped)
	}()
	<-stopping
	answers(t, a, "/readyz", http.StatusServiceUnavailable, "starting or draining")
	<-stopped
	f.worker(t)
	f.released(t, id, 1)
}
