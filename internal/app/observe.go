package app

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/metrics"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/wxclient"
)

// observe counts one exchange with WeChat, and passes it to the breaker.
func (a *App) observe(ctx context.Context, c wxclient.Call) {
	a.breaker.Saw(ctx, c)
	class := string(c.Class)
	if errors.As(c.Err, new(*wxclient.NotSentError)) {
		class = metrics.ClassNotSent
	}
	a.metrics.Call(c.Endpoint, class, c.Code, c.Duration)
}

// logSlowed logs that a rate of calls was halved, or could not be.
func logSlowed(log zerolog.Logger) func(endpoint string, factor float64, err error) {
	return func(endpoint string, factor float64, err error) {
		endpoint = cmp.Or(endpoint, metrics.AllEndpoints)
		if err != nil {
			log.Warn().Err(err).Str("endpoint", endpoint).Msg("WeChat refuses calls, and they could not be slowed")
			return
		}
		log.Warn().Str("endpoint", endpoint).Float64("factor", factor).Msg("WeChat refuses calls: slowed for all workers; the rate recovers with time")
	}
}

// hooks count and log what the handlers do.
func (a *App) hooks() tasks.Hooks {
	return tasks.Hooks{
		Transition: func(from rollout.Target, event string, to rollout.Target) {
			a.targets.note(from, event, to)
			a.metrics.Transition(string(from.Stage), event, string(to.State))
			if v := verdictOf(from, event, to); v != "" {
				a.metrics.Verdict(v)
			}
		},
		Dropped: func(stage rollout.Stage, why string) { a.metrics.Dropped(string(stage), why) },
		Seen:    a.seen,
		Closed:  func(stage rollout.Stage, reason string) { a.metrics.PoolClosed(string(stage), reason) },
	}
}

// seen stores what a handler read of an app in the registry. A failure does not stop the target.
func (a *App) seen(ctx context.Context, appID string, s tasks.Seen) {
	err := a.tools.Fleet.Observed(ctx, appID, fleet.Observation(s))
	if err != nil && ctx.Err() == nil {
		a.log.Warn().Err(err).Str("target", appID).Msg("facts of an app not stored")
	}
}

// verdictOf is the verdict of a transition; "" if it is none.
func verdictOf(from rollout.Target, event string, to rollout.Target) string {
	switch {
	case from.Stage != rollout.StageVerdict:
		return ""
	case event == rollout.Advanced{}.Kind():
		return "passed"
	case event == rollout.Rejected{}.Kind():
		return "rejected"
	case to.State == rollout.StateFailed && to.LastError != nil && to.LastError.Class == "withdrawn":
		return "withdrawn"
	default:
		return ""
	}
}

// source reads the fleet's gauges.
type source struct{ *core }

var _ metrics.Source = source{}

// Targets implements metrics.Source.
func (s source) Targets(ctx context.Context) (metrics.Targets, error) {
	active, err := readable(s.ledger.Active(ctx))
	out := metrics.Targets{
		Rollouts: make(map[string]int), Held: make(map[string]int), At: make(map[metrics.Place]int), Parked: make(map[string]int), Ready: make(map[string]int),
	}
	for _, r := range active {
		out.Rollouts[string(r.Status)]++
		if wave, _, held := r.Held(); held {
			out.Held[string(r.Gates[wave].Decision)]++
		}
		for cell, n := range r.Counts {
			out.At[placeOf(cell)] += n
			if cell.State == rollout.StateParked {
				out.Parked[string(cell.Reason)] += n
			}
			if cell.State == rollout.StatePending && r.Status == rollout.StatusRunning && cell.Wave <= r.Reach(cell.Stage) {
				out.Ready[string(cell.Stage)] += n
			}
		}
	}
	return out, err
}

// Pools implements metrics.Source.
func (s source) Pools(ctx context.Context) (metrics.Pools, error) {
	out := metrics.Pools{Stages: make(map[string]metrics.Pool)}
	for _, stage := range rollout.Stages() {
		state, err := s.pools.Quota(stage).State(ctx)
		if err != nil {
			return out, err
		}
		out.Stages[string(stage)] = metrics.Pool{Open: state.Reason == "", RetryAt: state.RetryAt}
		if stage != rollout.StageSubmit {
			continue
		}
		out.UnreadSince = state.UnreadSince
		if state.Known {
			out.Quota = &metrics.Quota{Rest: state.Rest, Limit: state.Limit, External: state.External}
		}
	}
	return out, nil
}

// Rates implements metrics.Source.
func (s source) Rates(ctx context.Context) (metrics.Rates, error) {
	all, err := s.pacer.Rates(ctx)
	out := make(metrics.Rates, len(all))
	for endpoint, state := range all {
		out[cmp.Or(endpoint, metrics.AllEndpoints)] = state.Factor
	}
	return out, err
}

// Workers implements metrics.Source.
func (s source) Workers(ctx context.Context) (metrics.Workers, error) {
	out := metrics.Workers{Leases: make(map[string]int), Capacity: make(map[string]int)}
	leases, err := s.ledger.InFlight(ctx)
	if err != nil {
		return out, err
	}
	capacity, err := s.ledger.Capacity(ctx)
	for _, queueName := range rollout.QueueNames() {
		out.Leases[string(queueName)], out.Capacity[string(queueName)] = leases[queueName], capacity[queueName]
	}
	return out, err
}

// Schedules implements metrics.Source.
func (s source) Schedules(ctx context.Context) (metrics.Schedules, error) {
	list, err := s.ledger.Schedules(ctx)
	if len(list) > 0 {
		err = nil // one that can't be read is logged when it is due; the others are counted
	}
	out := metrics.Schedules{Runs: make(map[string]int), Last: make(map[string]time.Time)}
	for _, x := range list {
		for result, had := range map[string]struct {
			n  int
			at time.Time
		}{"began": {x.Runs, x.LastRun}, "missed": {x.Missed, x.MissedAt}, "skipped": {x.Skipped, x.SkippedAt}} {
			out.Runs[result] += had.n
			if had.at.After(out.Last[result]) {
				out.Last[result] = had.at
			}
		}
	}
	return out, err
}

// Credentials implements metrics.Source.
func (s source) Credentials(ctx context.Context) (metrics.Credentials, error) {
	var out metrics.Credentials
	fault, err := s.ledger.PlatformFault(ctx)
	if err != nil {
		return out, err
	}
	if fault != nil {
		out.Fault = string(fault.Kind())
	}
	if s.tokens == nil {
		return out, nil // a broker stores them
	}
	ages, err := s.tokens.Ages(ctx)
	if err != nil {
		return out, err
	}
	now := time.Now()
	if ages.Ticket >= 0 {
		out.TicketAt = now.Add(-ages.Ticket)
	}
	if ages.ComponentToken >= 0 {
		out.TokenUntil = now.Add(ages.ComponentLeft)
	}
	out.AppTokens = &ages.AppTokens
	return out, nil
}

// renewed counts a request for a new token.
func (a *App) renewed(r registry.Renewal) {
	token := "component"
	if r.App {
		token = "app"
	}
	a.metrics.TokenRenewed(token, r.Result)
}

// ticketsRestarted logs a request that WeChat send verify tickets again.
func (a *App) ticketsRestarted(p registry.TicketRequest) {
	if p.Err != nil {
		a.log.Error().Err(p.Err).Msg("no verify ticket arrives, and WeChat refuses to send them again")
		return
	}
	a.log.Warn().Str("result", p.Result).Msg("no verify ticket arrived for too long: requested that WeChat send them again")
}
