package tasks

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
)

// probeWeChat answers one of its calls with an errcode, whoever asks, and notes who did.
type probeWeChat struct {
	easyWeChat
	stage rollout.Stage
	code  int64
	asked []string
}

func (w *probeWeChat) refuse(stage rollout.Stage, app string) error {
	if stage != w.stage {
		return nil
	}
	w.asked = append(w.asked, app)
	return refusal(w.code)
}

func (w *probeWeChat) AuthorizerInfo(ctx context.Context, app string) (wxclient.AuthorizerInfo, error) {
	if err := w.refuse(rollout.StagePreflight, app); err != nil {
		return wxclient.AuthorizerInfo{}, err
	}
	return w.easyWeChat.AuthorizerInfo(ctx, app)
}

func (w *probeWeChat) Commit(ctx context.Context, app string, r wxclient.CommitRequest) error {
	if err := w.refuse(rollout.StageCommit, app); err != nil {
		return err
	}
	return w.easyWeChat.Commit(ctx, app, r)
}

func (w *probeWeChat) SubmitAudit(ctx context.Context, app string, r wxclient.SubmitRequest) (int64, error) {
	if err := w.refuse(rollout.StageSubmit, app); err != nil {
		return 0, err
	}
	return w.easyWeChat.SubmitAudit(ctx, app, r)
}

func (w *probeWeChat) QueryQuota(context.Context, string) (wxclient.Quota, error) {
	return wxclient.Quota{Limit: 100}, nil
}

func (w *probeWeChat) Release(ctx context.Context, app string) error {
	if err := w.refuse(rollout.StageRelease, app); err != nil {
		return err
	}
	return w.easyWeChat.Release(ctx, app)
}

// probeClock is the controller's time: that of Redis.
type probeClock struct{ now func() time.Time }

func (c probeClock) Now() time.Time { return c.now() }

// probeQueue keeps the assignments it is given.
type probeQueue struct{ assignments []rollout.Assignment }

func (q *probeQueue) Enqueue(_ context.Context, assignments []rollout.Assignment) error {
	q.assignments = append(q.assignments, assignments...)
	return nil
}

// TestProbesRotate: for any cause of a closing, no app probes it before all others did, be they of
// one rollout or of several, and the app whose refusal closed it is not the first.
func TestProbesRotate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		stage rollout.Stage
		code  int64
	}{
		{"a limit of the day", rollout.StageCommit, 45009},
		{"a limit of the minute", rollout.StageRelease, 45011},
		{"a limit at preflight", rollout.StagePreflight, 45011},
		{"WeChat is out", rollout.StageCommit, -1},
		{"no quota is left", rollout.StageSubmit, 85085},
		{"a penalty", rollout.StageSubmit, 86008},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sizes := []int{1, 2, 2}
			if tc.code == -1 {
				sizes[2] = pool.BreakApps
			}
			probesRotate(t, sizes, &probeWeChat{easyWeChat: easyWeChat{apps: make(map[string]*easyApp)}, stage: tc.stage, code: tc.code})
		})
	}
}

func probesRotate(t *testing.T, sizes []int, wx *probeWeChat) {
	t.Helper()
	m, rdb := redistest.Mini(t)
	now := func() time.Time { return redistest.Now(m) }
	pools := pool.New(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{Metered: name == string(rollout.StageSubmit)})
	}, pool.Options{Now: now})
	queue := &probeQueue{}
	l := &tripLine{T: t, ledger: ledger.New(rdb, ledger.Options{})}
	l.controller = dispatch.New(l.ledger, queue, pools, probeClock{now}, dispatch.Options{})
	l.handler = NewHandler(HandlerOptions{WeChat: wx, Ledger: l.ledger, Permits: pools, Log: zerolog.Nop(), Seed: 1})
	hands := map[rollout.QueueName]int{rollout.QueueCommit: 1, rollout.QueueAudit: 1, rollout.QueueRelease: 1}
	l.must(l.ledger.Heartbeat(t.Context(), "w", hands, 1e5*time.Hour))
	l.must(pools.Quota(rollout.StageSubmit).Refill(t.Context(), ratelimit.Reading{Rest: 100, Limit: 100}))
	apps := 0
	for i, n := range sizes {
		l.load(fmt.Sprint("r", i), n)
		apps += n
	}

	quota := pools.Quota(wx.stage)
	state := func() ratelimit.QuotaState {
		s, err := quota.State(t.Context())
		l.must(err)
		return s
	}
	var probes []string
	for i := 0; len(probes) < 3*apps; i++ {
		if i == 5000 {
			t.Fatalf("%d probes: %q", len(probes), probes)
		}
		redistest.Advance(m, time.Second)
		if s := state(); s.State != ratelimit.StateOpen && len(queue.assignments) == 0 {
			redistest.Advance(m, max(0, s.RetryAt.Sub(now())))
		}
		for j := range sizes { // a penalty pauses the rollout that met it
			id := fmt.Sprint("r", j)
			r, err := l.ledger.Rollout(t.Context(), id)
			l.must(err)
			if r.Status == rollout.StatusPaused {
				l.must(l.ledger.Resume(t.Context(), id, "test", "go on"))
			}
		}
		l.must(second(l.controller.Reconcile(t.Context())))
		assignments := queue.assignments
		queue.assignments = nil
		for _, assignment := range assignments {
			closed := state().State != ratelimit.StateOpen
			before := len(wx.asked)
			if err := l.handler.Run(t.Context(), assignment); err != nil {
				queue.assignments = append(queue.assignments, assignment) // it stalls in the queue
			}
			if !closed && state().State != ratelimit.StateOpen {
				probes = slices.Clone(wx.asked[len(wx.asked)-1:]) // whose refusal closed it
			} else if closed {
				probes = append(probes, wx.asked[before:]...)
			}
		}
	}
	for i := range probes[:len(probes)-1] {
		others := apps - 1
		if i < apps { // some still wait in the queue since before the stage closed
			others = 4
		}
		next := probes[i+1 : min(i+1+others, len(probes))]
		if j := slices.Index(next, probes[i]); j >= 0 {
			t.Fatalf("probe %d is by %s again, %d after its last, with %d apps:\n%q", i+1+j, probes[i], j+1, apps, probes)
		}
	}
}
