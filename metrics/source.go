package metrics

import (
	"context"
	"time"
)

// Source is where the leader reads the fleet's gauges from. Each method is
// called at most once per scrape, with a deadline, possibly by several scrapes
// at once. A method that fails is counted and takes only its own gauges away.
type Source interface {
	// Targets is where the targets of the rollouts are.
	Targets(ctx context.Context) (Targets, error)
	// Rollouts is each rollout that carries its id as a label, at most MaxRollouts unfinished and
	// MaxFinished finished ones.
	Rollouts(ctx context.Context) (Rollouts, error)
	// Pools is what the platform allows.
	Pools(ctx context.Context) (Pools, error)
	// Rates is how far calls to WeChat are slowed.
	Rates(ctx context.Context) (Rates, error)
	// Workers is what the workers have and use.
	Workers(ctx context.Context) (Workers, error)
	// Schedules is how the runs of schedules went.
	Schedules(ctx context.Context) (Schedules, error)
	// Credentials is how fresh the platform's own credentials are.
	Credentials(ctx context.Context) (Credentials, error)
}

// Place is a stage and a state.
type Place struct{ Stage, State string }

// Targets is where the targets of the active rollouts are, added up. What a map
// lacks is 0.
type Targets struct {
	// Rollouts counts rollouts by status.
	Rollouts map[string]int
	// Held counts running rollouts that a gate holds back, by its decision.
	Held map[string]int
	// At counts targets by place.
	At map[Place]int
	// Parked counts parked targets by reason.
	Parked map[string]int
	// Ready counts, by stage, the pending targets that no gate, pause or start
	// time holds back: those of open waves in running rollouts. Only pools and
	// the workers' window delay their assignment.
	Ready map[string]int
}

// Pools is what the platform allows.
type Pools struct {
	// Stages holds the pool of each stage.
	Stages map[string]Pool
	// Quota is the last reading of the platform's submissions; nil before the first.
	Quota *Quota
	// UnreadSince is since when the allowance can't be read; zero while it can.
	UnreadSince time.Time
}

// Pool is the permission to make a stage's calls.
type Pool struct {
	// Open pools give permits; what is closed or probing is not open.
	Open bool
	// RetryAt is when a closed pool is probed again; zero if it is open.
	RetryAt time.Time
}

// Quota is the allowance of submissions.
type Quota struct {
	// Rest is the last reading less what was spent since; Limit the whole.
	Rest, Limit int64
	// External is a lower bound of the units that other systems spent this month.
	External int64
}

// Rates is the part of its full rate that each endpoint is called at, 1/64 to 1;
// [AllEndpoints] is that of all calls. What is missing is not exported.
type Rates map[string]float64

// Workers is what the live workers have and use, by queue.
type Workers struct {
	// Leases counts the assignments that are out.
	Leases map[string]int
	// Capacity adds up the workers' concurrency.
	Capacity map[string]int
}

// Schedules is how the runs of all schedules went, added up: no label names one.
type Schedules struct {
	// Runs counts runs by result: began, missed or skipped. What it lacks is 0.
	Runs map[string]int
	// Last is when any schedule last had a result; absent if never.
	Last map[string]time.Time
}

// Credentials is how fresh the platform's credentials are. A zero time is
// not known, and not exported.
type Credentials struct {
	// TicketAt is when the newest verify ticket arrived.
	TicketAt time.Time
	// TokenUntil is when the component's access token ends.
	TokenUntil time.Time
	// AppTokens counts the apps whose token is valid; nil if unknown.
	AppTokens *int64
	// Fault is the kind of the platform's current fault; "" for none.
	Fault string
}
