// Package demo shows a whole rollout in one process: an in-memory Redis, the
// WeChat simulator, a worker and a plan. It owns the story, not how
// it is printed, and must never touch a Redis that holds rollouts already.
//
//	d, err := demo.Start(ctx, demo.Options{Apps: 300, Seed: 7})
//	defer d.Close()
//	for snapshot, err := range d.Operator().Watch(ctx, d.Rollout(), time.Second) { ... }
//	tally, err := d.Settle(ctx) // the books, balanced or not
package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/wxsim"
)

// Options shape the story.
type Options struct {
	// Apps is how many mini programs there are, 10 to 5,000. Default 300.
	Apps int
	// Seed decides who is busy, lost and rejected; the same seed ends with the
	// same tally.
	Seed uint64
	// RedisURL uses a real Redis in place of the embedded one. It must hold no
	// rollouts.
	RedisURL string
	Log      zerolog.Logger
}

// Limits of Options.Apps: the embedded Redis is for a few thousand targets.
const (
	MinApps     = 10
	MaxApps     = 5000
	DefaultApps = 300
)

// Demo is a running story.
type Demo struct {
	opts    Options
	sim     *wxsim.Sim
	server  *httptest.Server
	worker  *app.App
	tools   *app.Tools
	rollout string
	quota   int
	closers []func() error

	tending context.CancelFunc
	tended  sync.WaitGroup
}

// Start sets the scene and applies the plan.
func Start(ctx context.Context, o Options) (*Demo, error) {
	if o.Apps == 0 {
		o.Apps = DefaultApps
	}
	if o.Apps < MinApps || o.Apps > MaxApps {
		return nil, fmt.Errorf("demo with %d apps: want %d to %d", o.Apps, MinApps, MaxApps)
	}
	d := &Demo{opts: o, quota: max(1, o.Apps*2/3)}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Operator is the operator's view of the demo.
func (d *Demo) Operator() *operator.Operator { return d.tools.Operator }

// Rollout is the id of the demo's rollout.
func (d *Demo) Rollout() string { return d.rollout }

// Quota is how many submissions the platform has before it is given more.
func (d *Demo) Quota() int { return d.quota }

func (d *Demo) start(ctx context.Context) error {
	d.playWeChat()
	cfg, embedded, err := d.settings()
	if err != nil {
		return err
	}
	if err := d.open(ctx, cfg, embedded); err != nil {
		return err
	}
	d.worker, err = app.New(ctx, cfg, app.Options{
		Log: d.opts.Log, Version: "demo", EmbeddedRedis: embedded, Idle: 50 * time.Millisecond, Seed: d.opts.Seed + 1,
	})
	if err != nil {
		return err
	}
	if err := d.worker.Start(ctx); err != nil {
		return err
	}
	if err := d.apply(ctx); err != nil {
		return err
	}
	tending, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.tending = stop
	d.tended.Go(func() { d.raiseQuota(tending) })
	return nil
}

// playWeChat starts the simulator: busy now and then, losing replies, rejecting
// some, with a quota that doesn't last.
func (d *Demo) playWeChat() {
	ms := time.Millisecond
	d.sim = wxsim.New(wxsim.Options{
		Seed: d.opts.Seed, Apps: d.opts.Apps, Quota: wxsim.QuotaOptions{Limit: d.quota},
		Latency:      wxsim.Range{Min: 2 * ms, Max: 10 * ms},
		PrivacyDelay: wxsim.Range{Min: 300 * ms, Max: 900 * ms},
		AuditDelay:   wxsim.Range{Min: 500 * ms, Max: 3000 * ms},
		RejectRate:   0.08, BusyRate: 0.03, LostRate: 0.03,
	})
	d.server = httptest.NewServer(d.sim)
	d.closers = append(d.closers, func() error { d.server.Close(); d.sim.Close(); return nil })
}

// settings are a worker's, with waits as short as the simulator's. embedded is
// nil with a real Redis.
func (d *Demo) settings() (*config.Config, func() redis.UniversalClient, error) {
	env := map[string]string{
		"REDIS_URL": d.opts.RedisURL, "WECHAT_URL": d.server.URL, "LISTEN": "127.0.0.1:0",
		"COMPONENT_APPID": wxsim.DefaultComponentAppID, "COMPONENT_SECRET": wxsim.DefaultSecret,
		"COMPONENT_TICKET": wxsim.DefaultTicket, "SEAL_KEY": "dGhlIGRlbW8ncyB0b2tlbnMgbmVlZCBubyBzZWNyZXQ=",
		"SETTLE": "2s", "PRIVACY_POLL": "500ms", "VERDICT_POLL": "700ms", "QUOTA_POLL": "1s",
		"BUSY_BASE": "1s", "BUSY_CAP": "2s", "BUSY_PARK": "2s",
		"COMMIT_CONCURRENCY": "24", "AUDIT_CONCURRENCY": "24", "RELEASE_CONCURRENCY": "12",
	}
	var environ []string
	for name, v := range env {
		environ = append(environ, "WXROLLOUT_"+name+"="+v)
	}
	cfg := &config.Config{}
	fs := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	config.Bind(fs, cfg, config.RoleWorker)
	if err := config.Load(fs, cfg, config.RoleWorker, environ, config.NoFiles); err != nil {
		return nil, nil, err
	}
	if d.opts.RedisURL != "" {
		return cfg, nil, nil
	}
	mini, err := miniredis.Run()
	if err != nil {
		return nil, nil, fmt.Errorf("start the embedded redis: %w", err)
	}
	d.closers = append(d.closers, func() error { mini.Close(); return nil })
	return cfg, func() redis.UniversalClient {
		return redis.NewClient(&redis.Options{Addr: mini.Addr(), ContextTimeoutEnabled: true})
	}, nil
}

// open connects the operator and makes sure that no other rollouts are there.
func (d *Demo) open(ctx context.Context, cfg *config.Config, embedded func() redis.UniversalClient) error {
	var tools *app.Tools
	var done func() error
	var err error
	if embedded != nil {
		rdb := embedded()
		d.closers = append(d.closers, rdb.Close)
		tools, done, err = app.OpenEmbedded(ctx, cfg, rdb)
	} else {
		tools, done, err = app.Open(ctx, cfg)
	}
	if err != nil {
		return err
	}
	d.tools = tools
	d.closers = append(d.closers, done)
	there, err := d.tools.Operator.Rollouts(ctx, 0, 1)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return fmt.Errorf("the demo's redis holds rollouts (%s): give it an empty database, such as redis://127.0.0.1:6379/15", there[0].ID)
	}
	return nil
}

// plan is what the demo applies.
const plan = `name: demo
template: {id: 1, version: 3.9.0, desc: spring sale}
targets: {file: apps.csv}
ext: {file: ext.json.tmpl}
waves:
  - {name: canary, size: 10, reject_above: 60%, min_judged: 5}
  - {name: rest}
`

// ext is the demo's ext.json template.
const ext = `{"ext": {"shop": "{{.label}}", "tier": "{{.tier}}"}}`

func (d *Demo) apply(ctx context.Context) error {
	files := map[string]string{"apps.csv": d.appList(), "ext.json.tmpl": ext}
	file, err := planfile.Parse("demo.yaml", []byte(plan), func(path string) ([]byte, error) {
		return []byte(files[path]), nil
	})
	if err != nil {
		return err
	}
	preview, err := d.tools.Launcher.Preview(ctx, file, launch.PlanOptions{})
	if err != nil {
		return err
	}
	applied, err := d.tools.Launcher.Apply(ctx, preview, launch.ApplyOptions{Why: "demo"})
	d.rollout = applied.ID
	return err
}

func (d *Demo) appList() string {
	var b strings.Builder
	b.WriteString("appid,label,tier\n")
	for i := range d.opts.Apps {
		b.WriteString(wxsim.AppID(i) + ",shop " + strconv.Itoa(i+1) + "," + []string{"gold", "silver", "bronze"}[i%3] + "\n")
	}
	return b.String()
}

// raiseQuota is the platform's owner, who asks for more submissions some seconds
// after they ran out.
func (d *Demo) raiseQuota(ctx context.Context) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	const tries = 12 // ticks
	for empty := 0; empty < tries; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if d.sim.Books().Quota.Rest == 0 {
			empty++
		}
	}
	d.sim.SetQuota(d.opts.Apps, d.opts.Apps)
}

// Tally is how the story ended.
type Tally struct {
	Apps     int `json:"apps"`
	Released int `json:"released"`
	Rejected int `json:"rejected"`
	Failed   int `json:"failed"`
	Other    int `json:"other"`
	// Submissions and Spent are the simulator's: what it accepted, and what that cost.
	Submissions int64 `json:"submissions"`
	Spent       int64 `json:"quota_spent"`
	// Refused counts submissions answered 85085.
	Refused int64 `json:"refused_85085"`
	// Busy and Lost count what the simulator did to us.
	Busy int64 `json:"busy_replies"`
	Lost int64 `json:"lost_replies"`
}

// Settle reads the end and compares it with the simulator's own books; an
// imbalance is an error.
func (d *Demo) Settle(ctx context.Context) (Tally, error) {
	r, err := d.tools.Operator.Rollout(ctx, d.rollout)
	if err != nil {
		return Tally{}, err
	}
	books := d.sim.Books()
	t := Tally{
		Apps: r.Total, Released: r.Counts.State(rollout.StateReleased), Rejected: r.Counts.State(rollout.StateRejected),
		Failed: r.Counts.State(rollout.StateFailed), Submissions: books.Submissions, Spent: books.Quota.Spent,
	}
	t.Other = t.Apps - t.Released - t.Rejected - t.Failed
	for _, e := range books.Endpoints {
		t.Busy += e.Codes[-1]
		t.Lost += e.Lost
		if e.Path == "/wxa/submit_audit" {
			t.Refused = e.Codes[85085]
		}
	}
	err = books.Check()
	if n := r.Counts.Unfinished(); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d targets have not ended", n))
	}
	if books.Releases != int64(t.Released) {
		err = errors.Join(err, fmt.Errorf("the simulator released %d apps, the ledger knows of %d", books.Releases, t.Released))
	}
	return t, err
}

// Close stops everything.
func (d *Demo) Close() error {
	var errs []error
	if d.tending != nil {
		d.tending()
		d.tended.Wait()
	}
	if d.worker != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		errs = append(errs, d.worker.Stop(ctx))
	}
	for i := len(d.closers) - 1; i >= 0; i-- {
		errs = append(errs, d.closers[i]())
	}
	return errors.Join(errs...)
}
