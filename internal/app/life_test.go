package app_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/wxsim"
)

func TestStartAndStopTwice(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{})
	a := f.worker(t)
	if strings.HasSuffix(a.Addr().String(), ":0") {
		t.Errorf("it listens at %s, want the port that was picked", a.Addr())
	}
	if err := a.Start(t.Context()); err == nil {
		t.Error("it started twice")
	}
	answers(t, a, "/readyz", http.StatusOK, "ok") // the second start broke nothing
	stop(t, a)
	stop(t, a)
	if err := a.Start(t.Context()); err == nil {
		t.Error("it started again after its end")
	}
	if _, _, err := get(t.Context(), a, "/healthz"); err == nil {
		t.Error("it still listens after its end")
	}
	again := f.worker(t)
	answers(t, again, "/readyz", http.StatusOK, "ok")
}

// TestStoppedBeforeStart: New opened connections, Stop closes them.
func TestStoppedBeforeStart(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{})
	a, err := app.New(t.Context(), f.cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	stop(t, a)
}

// TestRunEndsWithItsContext as well as with its stop channel.
func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{})
	for name, end := range map[string]func(cancel func(), stop chan struct{}){
		"context": func(cancel func(), _ chan struct{}) { cancel() },
		"stop":    func(_ func(), stop chan struct{}) { close(stop) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := app.New(t.Context(), f.cfg, app.Options{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stop := make(chan struct{})
			end(cancel, stop)
			if err := a.Run(ctx, stop); name == "stop" && err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// TestRunEndsWithItsServer: a worker that serves nothing any more ends with the error.
func TestRunEndsWithItsServer(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{})
	a, err := app.New(t.Context(), f.cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context(), nil) }()
	eventually(t, "it serves", func(context.Context) (bool, string) { return a.Serving(), "" })
	if err := a.BreakListener(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "serve HTTP on 127.0.0.1:") {
		t.Errorf("run: %v", err)
	}
}

// TestOneOfTwoLeads, and the other one when it leaves.
func TestOneOfTwoLeads(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{Seed: 3, Apps: 30})
	one, two := f.worker(t), f.worker(t)
	first := leads(t, one, two)
	rest := one
	if first == one {
		rest = two
	}
	stop(t, first)
	if leads(t, rest) != rest {
		t.Error("no worker leads")
	}
	f.released(t, f.apply(t, 30, ""), 30)
}

// TestLeaseTakenFromLeader: a leader that was away for too long, and lost its lease
// to another, stops leading.
func TestLeaseTakenFromLeader(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{})
	a := f.worker(t)
	leads(t, a)
	if err := f.redis.Client(t).HSet(t.Context(), "wxrollout:{lease:controller}", "holder", "usurper").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it steps down", func(ctx context.Context) (bool, string) {
		held, err := metric(ctx, a, "wxrollout_leader")
		return err == nil && held == 0, "still leading"
	})
	leads(t, a) // the usurper doesn't renew
}

// TestClosingLeavesNoConnection: neither to Redis nor, idle, to WeChat.
func TestClosingLeavesNoConnection(t *testing.T) {
	t.Parallel()
	sim := wxsim.New(wxsim.Options{})
	t.Cleanup(sim.Close)
	var open atomic.Int64
	srv := httptest.NewUnstartedServer(sim)
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	rdb := redistest.Start(t)
	tools, done, err := app.Open(t.Context(), load(t, environment(rdb.Addr(), srv.URL)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tools.Library.Templates(t.Context()); err != nil {
		t.Error(err)
	}
	if open.Load() == 0 {
		t.Error("no connection was kept, which shows nothing")
	}
	if err := done(); err != nil {
		t.Error(err)
	}
	client := rdb.Client(t)
	eventually(t, "all connections are closed", func(ctx context.Context) (bool, string) {
		list, err := client.ClientList(ctx).Result()
		return err == nil && open.Load() == 0 && strings.Count(list, "\n") == 1, fmt.Sprint(open.Load(), " to WeChat; redis: ", list, err)
	})
}
