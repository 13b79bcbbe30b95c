// Command worker embeds a worker in another program: the handlers of package tasks behind Asynq's servers, and the
// controller that hands them assignments. It upgrades three mini programs of the simulator. It runs without network, on
// an in-process Redis or on the one at REDIS_ADDR, which must be empty:
//
//	go run ./examples/worker
//
// It leaves out what internal/app adds: leader election, schedules, shared rates, callbacks and metrics.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxsim"
)

const apps = 3

func main() {
	if err := run(context.Background(), os.Getenv("REDIS_ADDR"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, redisAddr string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if redisAddr == "" {
		store, err := miniredis.Run()
		if err != nil {
			return err
		}
		defer store.Close()
		redisAddr = store.Addr()
	}
	sim := wxsim.New(wxsim.Options{Seed: 1, Apps: apps})
	defer sim.Close()
	wechat := httptest.NewServer(sim)
	defer wechat.Close()

	// Asynq's servers and the queue add hooks to their clients: each needs a separate one.
	rdb, servers, queues := connect(redisAddr), connect(redisAddr), connect(redisAddr)
	defer func() { _ = errors.Join(rdb.Close(), servers.Close(), queues.Close()) }()
	client, err := newClient(wechat.URL, rdb)
	if err != nil {
		return err
	}
	store := ledger.New(rdb, ledger.Options{})
	if err := apply(ctx, store); err != nil {
		return err
	}
	pools := pool.New(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{Metered: name == string(rollout.StageSubmit)})
	}, pool.Options{})
	stop, err := startHandlers(ctx, store, pools, client, servers)
	if err != nil {
		return err
	}
	controller := dispatch.New(store, queue.New(queues, queue.Options{}), pools, clock{}, dispatch.Options{})
	if err := errors.Join(reconcile(ctx, controller, store, out), stop()); err != nil {
		return err
	}
	return sim.Books().Check()
}

func connect(addr string) redis.UniversalClient {
	return redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
}

// newClient returns a client of WeChat with the tokens of a registry in Redis.
func newClient(baseURL string, rdb redis.UniversalClient) (*wxclient.Client, error) {
	client, err := wxclient.New(wxclient.Options{BaseURL: baseURL, ComponentAppID: wxsim.DefaultComponentAppID})
	if err != nil {
		return nil, err
	}
	sealer, err := registry.NewSealer(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))), "")
	if err != nil {
		return nil, err
	}
	tokens, err := registry.New(registry.Options{
		ComponentAppID: wxsim.DefaultComponentAppID, Secret: wxsim.DefaultSecret, Ticket: wxsim.DefaultTicket,
		Sealer: sealer, Client: client, Redis: rdb,
	})
	if err != nil {
		return nil, err
	}
	return client.WithTokens(tokens), nil
}

// apply stores a rollout of all apps in two waves.
func apply(ctx context.Context, l *ledger.Ledger) error {
	plan := rollout.Plan{
		Name: "spring", Template: rollout.Template{ID: 1, Version: "2.0.0", Desc: "spring"},
		Audit:   rollout.AuditPolicy{InAudit: rollout.InAuditWait},
		Waves:   []rollout.Wave{{Name: "canary", Size: 1}, {Name: "rest", Size: apps - 1}},
		Release: rollout.ReleasePolicy{When: rollout.ReleaseApproved},
	}
	if _, err := l.Create(ctx, ledger.NewRollout{ID: plan.Name, Plan: plan}); err != nil {
		return err
	}
	targets := make([]rollout.Target, apps)
	for i := range targets {
		targets[i] = rollout.Target{AppID: wxsim.AppID(i), Rank: rollout.Rank(min(i, 1), i), Attempt: 1}
	}
	if _, err := l.Add(ctx, plan.Name, targets); err != nil {
		return err
	}
	return l.Seal(ctx, plan.Name, apps, false, "example", "apply")
}

// startHandlers starts one Asynq server per queue; stop drains them.
func startHandlers(ctx context.Context, l *ledger.Ledger, pools *pool.Pools, client *wxclient.Client, rdb redis.UniversalClient) (stop func() error, err error) {
	capacity := map[rollout.QueueName]int{rollout.QueueCommit: 2, rollout.QueueAudit: 2, rollout.QueueRelease: 2}
	handler := tasks.NewHandler(tasks.HandlerOptions{WeChat: client, Ledger: l, Permits: pools, Log: zerolog.Nop()})
	rdb.AddHook(queue.AckHook{})
	s := queue.NewServers(rdb, handler, queue.ServersOptions{Concurrency: capacity, Log: zerolog.Nop()})
	// The controller hands out no more than the workers can take. A long-running worker repeats its heartbeat.
	if err := l.Heartbeat(ctx, "example", capacity, time.Hour); err != nil {
		return nil, err
	}
	return func() error { return s.Shutdown(context.WithoutCancel(ctx)) }, s.Start()
}

// reconcile runs the controller until the rollout is done.
func reconcile(ctx context.Context, c *dispatch.Controller, l *ledger.Ledger, out io.Writer) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		if _, err := c.Reconcile(ctx); err != nil {
			return err
		}
		r, err := l.Rollout(ctx, "spring")
		if err != nil {
			return err
		}
		if r.Status == rollout.StatusDone {
			fmt.Fprintf(out, "%s: %d of %d released\n", r.Plan.Template.Version, r.Counts.State(rollout.StateReleased), r.Total)
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// clock is the machine's time.
type clock struct{}

// Now implements dispatch.Clock.
func (clock) Now() time.Time { return time.Now() }
