package metrics

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// targetsPart reads where targets and rollouts are.
type targetsPart struct {
	src                                    Source
	labels                                 Labels
	targets, parked, ready, rollouts, held *prometheus.Desc
}

func newTargetsPart(src Source, labels Labels) part {
	return &targetsPart{
		src: src, labels: labels,
		targets:  desc("wxrollout_targets", "Targets of active rollouts by where they are.", "stage", "state"),
		parked:   desc("wxrollout_targets_parked", "Parked targets by what they wait for.", "reason"),
		ready:    desc("wxrollout_targets_ready", "Pending targets that no gate, pause or start time holds back.", "stage"),
		rollouts: desc("wxrollout_rollouts", "Rollouts by status.", "status"),
		held:     desc("wxrollout_rollouts_held", "Running rollouts that a gate holds back, by its decision. Those at fail and trip wait for enqueue promote.", "gate"),
	}
}

func (p *targetsPart) descs() []*prometheus.Desc {
	return []*prometheus.Desc{p.targets, p.parked, p.ready, p.rollouts, p.held}
}

func (p *targetsPart) read(ctx context.Context, out emit) error {
	t, err := p.src.Targets(ctx)
	if err != nil {
		return err
	}
	rest := make(map[Place]int)
	for at, n := range t.At {
		known := Place{p.labels.Stages.of(at.Stage), p.labels.States.of(at.State)}
		rest[known] += n
	}
	for _, stage := range p.labels.Stages {
		for _, state := range p.labels.States {
			at := Place{stage, state}
			out(p.targets, float64(rest[at]), stage, state)
			delete(rest, at)
		}
	}
	for at, n := range rest {
		out(p.targets, float64(n), at.Stage, at.State)
	}
	emitAll(out, p.parked, p.labels.ParkReasons, t.Parked)
	emitAll(out, p.ready, p.labels.Stages, t.Ready)
	emitAll(out, p.rollouts, p.labels.Statuses, t.Rollouts)
	emitAll(out, p.held, p.labels.Gates, t.Held)
	return nil
}

// poolsPart reads what the platform allows.
type poolsPart struct {
	src                                        Source
	labels                                     Labels
	open, retry, rest, limit, external, unread *prometheus.Desc
}

func newPoolsPart(src Source, labels Labels) part {
	return &poolsPart{
		src: src, labels: labels,
		open:  desc("wxrollout_pool_open", "1 if the stage's pool gives permits, 0 if WeChat closed it.", "stage"),
		retry: desc("wxrollout_pool_retry_timestamp_seconds", "When a closed pool is asked again; absent while it is open.", "stage"),
		rest:  desc("wxrollout_quota_rest", "Submissions left to the platform; absent before the first reading."),
		limit: desc("wxrollout_quota_limit", "Submissions of the platform in all; absent before the first reading."),
		external: desc("wxrollout_quota_external_units",
			"Submissions of this month that others than us spent, at least; absent before the first reading."),
		unread: desc("wxrollout_quota_unread_timestamp_seconds", "Since when queryquota can't be read; absent while it can."),
	}
}

func (p *poolsPart) descs() []*prometheus.Desc {
	return []*prometheus.Desc{p.open, p.retry, p.rest, p.limit, p.external, p.unread}
}

func (p *poolsPart) read(ctx context.Context, out emit) error {
	pools, err := p.src.Pools(ctx)
	if err != nil {
		return err
	}
	for _, stage := range p.labels.Stages {
		pool, ok := pools.Stages[stage]
		if !ok {
			continue
		}
		out(p.open, flag(pool.Open), stage)
		if !pool.Open && !pool.RetryAt.IsZero() {
			out(p.retry, seconds(pool.RetryAt), stage)
		}
	}
	if q := pools.Quota; q != nil {
		out(p.rest, float64(q.Rest))
		out(p.limit, float64(q.Limit))
		out(p.external, float64(q.External))
	}
	if !pools.UnreadSince.IsZero() {
		out(p.unread, seconds(pools.UnreadSince))
	}
	return nil
}

// ratesPart reads how far calls are slowed.
type ratesPart struct {
	src    Source
	labels Labels
	factor *prometheus.Desc
}

func newRatesPart(src Source, labels Labels) part {
	return &ratesPart{
		src: src, labels: labels,
		factor: desc("wxrollout_rate_factor",
			"Part of the full rate at which WeChat is called: halved when it refuses, climbs back to 1 by itself.", "endpoint"),
	}
}

func (p *ratesPart) descs() []*prometheus.Desc { return []*prometheus.Desc{p.factor} }

func (p *ratesPart) read(ctx context.Context, out emit) error {
	rates, err := p.src.Rates(ctx)
	if err != nil {
		return err
	}
	for _, endpoint := range slices.Concat(p.labels.Endpoints, Set{AllEndpoints}) {
		if f, ok := rates[endpoint]; ok {
			out(p.factor, f, endpoint)
		}
	}
	return nil
}

// workersPart reads what the workers have and use.
type workersPart struct {
	src              Source
	labels           Labels
	leases, capacity *prometheus.Desc
}

func newWorkersPart(src Source, labels Labels) part {
	return &workersPart{
		src: src, labels: labels,
		leases:   desc("wxrollout_leases", "Assignments that are out, in a queue or with a worker.", "queue"),
		capacity: desc("wxrollout_worker_capacity", "Concurrency of the live workers.", "queue"),
	}
}

func (p *workersPart) descs() []*prometheus.Desc { return []*prometheus.Desc{p.leases, p.capacity} }

func (p *workersPart) read(ctx context.Context, out emit) error {
	w, err := p.src.Workers(ctx)
	if err != nil {
		return err
	}
	emitAll(out, p.leases, p.labels.Queues, w.Leases)
	emitAll(out, p.capacity, p.labels.Queues, w.Capacity)
	return nil
}

// schedulesPart reads how the runs of schedules went.
type schedulesPart struct {
	src        Source
	labels     Labels
	runs, last *prometheus.Desc
}

func newSchedulesPart(src Source, labels Labels) part {
	return &schedulesPart{
		src: src, labels: labels,
		runs: desc("wxrollout_schedule_runs",
			"Runs of the schedules that exist: they began, were missed for want of a worker, or were skipped since the run before had not ended.", "result"),
		last: desc("wxrollout_schedule_last_timestamp_seconds", "When any schedule last had such a result; absent if none had.", "result"),
	}
}

func (p *schedulesPart) descs() []*prometheus.Desc { return []*prometheus.Desc{p.runs, p.last} }

func (p *schedulesPart) read(ctx context.Context, out emit) error {
	s, err := p.src.Schedules(ctx)
	if err != nil {
		return err
	}
	emitAll(out, p.runs, runResults, s.Runs)
	for _, result := range runResults {
		if at, ok := s.Last[result]; ok {
			out(p.last, seconds(at), result)
		}
	}
	return nil
}

// credentialsPart reads how fresh the platform's credentials are.
type credentialsPart struct {
	src                 Source
	labels              Labels
	now                 func() time.Time
	ticket, token, apps *prometheus.Desc
	fault               *prometheus.Desc
}

func newCredentialsPart(src Source, labels Labels, now func() time.Time) part {
	return &credentialsPart{
		src: src, labels: labels,
		now:    now,
		ticket: desc("wxrollout_ticket_age_seconds", "Time since WeChat pushed the last verify ticket; absent if none is known."),
		token:  desc("wxrollout_component_token_expiry_seconds", "Time until the platform's access token ends, negative after it; absent if none is known."),
		fault:  desc("wxrollout_platform_fault", "1 while a fault of the platform stands that stops everything, by its kind, else 0.", "kind"),
		apps:   desc("wxrollout_app_tokens", "Apps whose access token is stored and lives; absent if another system keeps the tokens."),
	}
}

func (p *credentialsPart) descs() []*prometheus.Desc {
	return []*prometheus.Desc{p.ticket, p.token, p.apps, p.fault}
}

func (p *credentialsPart) read(ctx context.Context, out emit) error {
	c, err := p.src.Credentials(ctx)
	if err != nil {
		return err
	}
	for _, kind := range p.labels.Faults {
		out(p.fault, flag(c.Fault != "" && p.labels.Faults.of(c.Fault) == kind), kind)
	}
	now := p.now()
	if !c.TicketAt.IsZero() {
		out(p.ticket, now.Sub(c.TicketAt).Seconds())
	}
	if !c.TokenUntil.IsZero() {
		out(p.token, c.TokenUntil.Sub(now).Seconds())
	}
	if c.AppTokens != nil {
		out(p.apps, float64(*c.AppTokens))
	}
	return nil
}
