package judgement

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
)

// mutant is a deliberate bug. What is nil is as it should be.
type mutant struct {
	// pools changes what the controllers ask of the pools, ledger what workers read.
	pools  func(p *pool.Pools) dispatch.Pools
	ledger func(tasks.Ledger) tasks.Ledger
	// wechat changes what workers read of WeChat.
	wechat func(tasks.WeChat) tasks.WeChat
	// noProbe: no fault of the platform is probed. noHeartbeat: it is not noticed that the clock
	// stepped back.
	noProbe, noHeartbeat bool
	// plan changes how plans are stored.
	plan func(*rollout.Plan)
	// permits changes what workers report to the pools.
	permits func(tasks.Permits) tasks.Permits
	// store changes what the controllers do to the ledger.
	store func(dispatch.Store, *world) dispatch.Store
}

// asked is a mutant that changes what the controllers ask of the pools.
func asked(change func(p *pool.Pools) dispatch.Pools) mutant {
	return mutant{pools: change}
}

// mutants are the bugs, the words of the rule that each must break, and the seed to begin with:
// worlds before it were seen to bear the bug.
var mutants = map[string]struct {
	mutant
	breaks string
	from   uint64
}{
	"the reserve is taken off the one probe": {asked(func(p *pool.Pools) dispatch.Pools { return oldAllowance{p} }), "stall: ", 10},
	"shares are not passed on":               {asked(func(p *pool.Pools) dispatch.Pools { return noShares{p} }), "reserved", 2},
	"permits out are not counted":            {asked(func(p *pool.Pools) dispatch.Pools { return noOut{p} }), "reserved", 3},
	"caps are not passed on":                 {asked(func(p *pool.Pools) dispatch.Pools { return noCaps{p} }), "has spent", 0},
	"releases are not known":                 {mutant{ledger: func(l tasks.Ledger) tasks.Ledger { return noReleases{l} }}, "downgrade: ", 26},
	"earlier submissions are not looked for": {mutant{wechat: func(c tasks.WeChat) tasks.WeChat { return noAudits{c} }}, "a second submission", 6},
	"read-backs wait for quota":              {mutant{store: func(s dispatch.Store, w *world) dispatch.Store { return permitted{s, w} }}, "is not read back", 3},
	"denied submissions stay charged":        {mutant{permits: func(p tasks.Permits) tasks.Permits { return unproven{p} }}, "it says", 134},
	"faults are not probed":                  {mutant{noProbe: true}, "no resumption: ", 0},
	"silent stages are probed late":          {mutant{permits: func(p tasks.Permits) tasks.Permits { return lateProbes{p} }}, "no resumption: ", 47},
	"clock steps are not noticed":            {mutant{noHeartbeat: true}, "a clock step: ", 0},
	"apps are kept by age":                   {mutant{plan: samePriority}, "inversion: ", 1},
}

// seedsPerMutant bounds how many worlds a bug may survive.
const seedsPerMutant = 60

// TestJudgementFindsBugs plays worlds with a deliberate bug until one breaks the bug's rule.
func TestJudgementFindsBugs(t *testing.T) {
	t.Parallel()
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rdb, advance := redistest.Start(t).Virtual(t)
			var others []string
			for seed := m.from; seed < m.from+seedsPerMutant; seed++ {
				broken := play(t.Context(), seeded(seed, func(string, ...any) {}), rdb, advance, m.mutant)
				if strings.Contains(broken, m.breaks) {
					t.Logf("seed %d: %s", seed, broken)
					return
				}
				if broken != "" {
					others = append(others, broken)
				}
			}
			t.Errorf("%d seeds from %d on don't break the rule %q; they break %q", seedsPerMutant, m.from, m.breaks, others)
		})
	}
}

// oldAllowance is the arithmetic of before: while the pool is unread or closed it allows one,
// less what the plan reserves for others.
type oldAllowance struct{ *pool.Pools }

func (p oldAllowance) Take(ctx context.Context, r rollout.TakeRequest) (rollout.Taken, error) {
	state, err := p.Quota(r.Stage).State(ctx)
	if err != nil {
		return rollout.Taken{}, err
	}
	reserve := int64(0)
	for pool, n := range r.Shares {
		if pool != r.Pool {
			reserve += n
		}
	}
	if (!state.Known || state.State != ratelimit.StateOpen) && 1-reserve <= 0 {
		return rollout.Taken{Limit: &rollout.Limit{Kind: rollout.LimitReserved}}, nil
	}
	return p.Pools.Take(ctx, r)
}

// noShares lets each pool take what is left.
type noShares struct{ *pool.Pools }

func (p noShares) Take(ctx context.Context, r rollout.TakeRequest) (rollout.Taken, error) {
	r.Shares = nil
	return p.Pools.Take(ctx, r)
}

// noOut leaves the permits that are out where the reserve is.
type noOut struct{ *pool.Pools }

func (p noOut) Take(ctx context.Context, r rollout.TakeRequest) (rollout.Taken, error) {
	state, err := p.Quota(r.Stage).State(ctx)
	if err != nil {
		return rollout.Taken{}, err
	}
	shares := make(map[string]int64)
	for pool, n := range r.Shares {
		shares[pool] = max(0, n-state.Outstanding)
	}
	r.Shares = shares
	return p.Pools.Take(ctx, r)
}

// noCaps forgets a plan's own bounds.
type noCaps struct{ *pool.Pools }

func (p noCaps) Take(ctx context.Context, r rollout.TakeRequest) (rollout.Taken, error) {
	r.Cap, r.CapPercent, r.PerDay = 0, 0, 0
	return p.Pools.Take(ctx, r)
}

// noReleases hides from workers what other rollouts have released.
type noReleases struct{ tasks.Ledger }

func (l noReleases) Start(ctx context.Context, t rollout.Assignment, lease time.Duration) (rollout.Started, error) {
	s, err := l.Ledger.Start(ctx, t, lease)
	s.Releases = nil
	return s, err
}

// noAudits hides an app's last submission.
type noAudits struct{ tasks.WeChat }

func (noAudits) LatestAudit(context.Context, string) (wxclient.Audit, error) {
	return wxclient.Audit{}, refusal("get_latest_auditstatus", 85058)
}

// unproven never learns that a lost submission had no effect.
type unproven struct{ tasks.Permits }

func (p unproven) Settle(ctx context.Context, s rollout.Stage, pool, id string, use ratelimit.Use) error {
	if use == ratelimit.Denied {
		return nil
	}
	return p.Permits.Settle(ctx, s, pool, id, use)
}

// lateProbes leaves a stage at which WeChat answers no app closed for long.
type lateProbes struct{ tasks.Permits }

func (p lateProbes) Close(ctx context.Context, s rollout.Stage, f ratelimit.Refusal, retry time.Duration) error {
	if f.Reason == classify.ReasonOutage {
		retry = 6 * time.Hour
	}
	return p.Permits.Close(ctx, s, f, retry)
}

// permitted gives a lost submission its read-back only when it could be repeated.
type permitted struct {
	dispatch.Store
	w *world
}

func (s permitted) Claim(ctx context.Context, c rollout.Claim) ([]rollout.Assignment, error) {
	if c.ReadBack && c.Stage == rollout.StageSubmit {
		quota := s.w.byID[c.Rollout].plan.Quota
		if l, err := s.w.leaders[0].pools.Explain(ctx, quota.Request(c.Stage, s.w.shares())); l != nil || err != nil {
			return nil, err
		}
	}
	return s.Store.Claim(ctx, c)
}

// samePriority stores each plan with the same priority: who has an app keeps it.
func samePriority(p *rollout.Plan) { setPriority(p, 5) }

// setPriority and precedence are a plan's priority.
func setPriority(p *rollout.Plan, n int) { p.Priority = &n }
func precedence(p rollout.Plan) int      { return p.Precedence() }
