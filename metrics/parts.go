package metrics

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// part is a set of gauges that are read together.
type part struct {
	gauges []*prometheus.Desc
	// read emits what it could read and reports what it could not.
	read func(ctx context.Context, out emit) error
}

// emit takes one sample of a part.
type emit func(d *prometheus.Desc, v float64, labels ...string)

// gauge adds a gauge to the part.
func (p *part) gauge(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(name, help, labels, nil)
	p.gauges = append(p.gauges, d)
	return d
}

// targetsPart reads where targets and rollouts are.
func targetsPart(src Source, labels Labels) *part {
	p := &part{}
	targets := p.gauge("wxrollout_targets", "Targets of active rollouts by stage and state.", "stage", "state")
	parked := p.gauge("wxrollout_targets_parked", "Parked targets by what they wait for.", "reason")
	ready := p.gauge("wxrollout_targets_ready", "Pending targets that no gate, pause or start time holds back.", "stage")
	rollouts := p.gauge("wxrollout_rollouts", "Rollouts by status.", "status")
	held := p.gauge("wxrollout_rollouts_held",
		"Running rollouts that a gate holds back, by its decision. Those at fail and trip wait for enqueue promote.", "gate")
	p.read = func(ctx context.Context, out emit) error {
		t, err := src.Targets(ctx)
		if err != nil {
			return err
		}
		rest := make(map[Place]int)
		for at, n := range t.At {
			rest[Place{labels.Stages.of(at.Stage), labels.States.of(at.State)}] += n
		}
		for _, stage := range labels.Stages {
			for _, state := range labels.States {
				at := Place{stage, state}
				out(targets, float64(rest[at]), stage, state)
				delete(rest, at)
			}
		}
		for at, n := range rest {
			out(targets, float64(n), at.Stage, at.State)
		}
		emitAll(out, parked, labels.ParkReasons, t.Parked)
		emitAll(out, ready, labels.Stages, t.Ready)
		emitAll(out, rollouts, labels.Statuses, t.Rollouts)
		emitAll(out, held, labels.Gates, t.Held)
		return nil
	}
	return p
}

// poolsPart reads what the platform allows.
func poolsPart(src Source, labels Labels) *part {
	p := &part{}
	open := p.gauge("wxrollout_pool_open", "1 if the stage's pool gives permits, 0 if WeChat closed it.", "stage")
	retry := p.gauge("wxrollout_pool_retry_timestamp_seconds", "When a closed pool is probed again; absent while it is open.", "stage")
	rest := p.gauge("wxrollout_quota_rest", "Submissions left to the platform; absent before the first reading.")
	limit := p.gauge("wxrollout_quota_limit", "Submissions of the platform in all; absent before the first reading.")
	external := p.gauge("wxrollout_quota_external_units",
		"Lower bound of the submissions that other systems spent this month; absent before the first reading.")
	unread := p.gauge("wxrollout_quota_unread_timestamp_seconds", "Since when queryquota can't be read; absent while it can.")
	p.read = func(ctx context.Context, out emit) error {
		pools, err := src.Pools(ctx)
		if err != nil {
			return err
		}
		for _, stage := range labels.Stages {
			pool, ok := pools.Stages[stage]
			if !ok {
				continue
			}
			out(open, flag(pool.Open), stage)
			if !pool.Open && !pool.RetryAt.IsZero() {
				out(retry, seconds(pool.RetryAt), stage)
			}
		}
		if q := pools.Quota; q != nil {
			out(rest, float64(q.Rest))
			out(limit, float64(q.Limit))
			out(external, float64(q.External))
		}
		if !pools.UnreadSince.IsZero() {
			out(unread, seconds(pools.UnreadSince))
		}
		return nil
	}
	return p
}

// ratesPart reads how far calls are slowed.
func ratesPart(src Source, labels Labels) *part {
	p := &part{}
	factor := p.gauge("wxrollout_rate_factor",
		"Part of the full rate at which WeChat is called: halved when it refuses, climbs back to 1 with time.", "endpoint")
	p.read = func(ctx context.Context, out emit) error {
		rates, err := src.Rates(ctx)
		if err != nil {
			return err
		}
		for _, endpoint := range slices.Concat(labels.Endpoints, Set{AllEndpoints}) {
			if f, ok := rates[endpoint]; ok {
				out(factor, f, endpoint)
			}
		}
		return nil
	}
	return p
}

// workersPart reads what the workers have and use.
func workersPart(src Source, labels Labels) *part {
	p := &part{}
	leases := p.gauge("wxrollout_leases", "Assignments that are out, in a queue or with a worker.", "queue")
	capacity := p.gauge("wxrollout_worker_capacity", "Concurrency of the live workers.", "queue")
	p.read = func(ctx context.Context, out emit) error {
		w, err := src.Workers(ctx)
		if err != nil {
			return err
		}
		emitAll(out, leases, labels.Queues, w.Leases)
		emitAll(out, capacity, labels.Queues, w.Capacity)
		return nil
	}
	return p
}

// schedulesPart reads how the runs of schedules went.
func schedulesPart(src Source) *part {
	p := &part{}
	runs := p.gauge("wxrollout_schedule_runs",
		"Runs of the schedules that exist: they began, were missed for want of a worker, or were skipped because the run before had not ended.", "result")
	last := p.gauge("wxrollout_schedule_last_timestamp_seconds", "When any schedule last had such a result; absent if none had.", "result")
	p.read = func(ctx context.Context, out emit) error {
		s, err := src.Schedules(ctx)
		if err != nil {
			return err
		}
		emitAll(out, runs, runResults, s.Runs)
		for _, result := range runResults {
			if at, ok := s.Last[result]; ok {
				out(last, seconds(at), result)
			}
		}
		return nil
	}
	return p
}

// credentialsPart reads how fresh the platform's credentials are.
func credentialsPart(src Source, labels Labels, now func() time.Time) *part {
	p := &part{}
	ticket := p.gauge("wxrollout_ticket_age_seconds", "Age of the newest verify ticket; absent if none is known.")
	token := p.gauge("wxrollout_component_token_expiry_seconds", "Time until the platform's access token ends, negative after it; absent if none is known.")
	fault := p.gauge("wxrollout_platform_fault", "1 during a fault of the platform, which stops everything, by its kind; else 0.", "kind")
	apps := p.gauge("wxrollout_app_tokens", "Apps whose access token is stored and valid; absent if another system keeps the tokens.")
	p.read = func(ctx context.Context, out emit) error {
		c, err := src.Credentials(ctx)
		if err != nil {
			return err
		}
		for _, kind := range labels.Faults {
			out(fault, flag(c.Fault != "" && labels.Faults.of(c.Fault) == kind), kind)
		}
		if !c.TicketAt.IsZero() {
			out(ticket, now().Sub(c.TicketAt).Seconds())
		}
		if !c.TokenUntil.IsZero() {
			out(token, c.TokenUntil.Sub(now()).Seconds())
		}
		if c.AppTokens != nil {
			out(apps, float64(*c.AppTokens))
		}
		return nil
	}
	return p
}
