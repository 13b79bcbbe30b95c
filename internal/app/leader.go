package app

import (
	"time"

	"github.com/wxrollout/wxrollout/internal/controller"
	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/metrics"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
)

// newLeader wires the loops of the controller to the candidate that runs them.
func (a *App) newLeader(queue dispatch.Queue) *controller.Leader {
	launcher := a.tools.Launcher
	k, log := a.core, a.log.With().Str("worker", a.name).Logger()
	loops := []controller.Loop{
		{Name: "rollouts", Reconciler: controller.NewRollouts(controller.RolloutsOptions{
			Controller: dispatch.New(k.ledger, queue, k.pools, wallClock{}, dispatch.Options{Lease: a.cfg.Timing.Lease}),
			Record:     a.reconciled, Log: log, Idle: a.opts.Idle,
		})},
		{Name: "schedules", Reconciler: controller.Schedules{Firer: launcher, Log: log}},
		{Name: "baseline", Reconciler: controller.Baseline{Gatherer: launcher, Log: log}},
		{Name: "apps", Reconciler: controller.Apps{Syncer: a.tools.Fleet, Rate: a.cfg.AppsRate, Log: log}},
		{Name: "quota", Reconciler: controller.NewQuota(controller.QuotaOptions{
			Apps: k.readers, Loans: k.ledger, WeChat: k.wx, Readings: k.pools, Clock: wallClock{},
			Every: a.cfg.QuotaPoll, Platform: credential.AtFault, Log: log,
		})},
		{Name: "platform", Reconciler: &controller.Platform{Faults: k.ledger, Unfinished: k.ledger, WeChat: k.wx, Log: log}},
		{Name: "queues", Reconciler: controller.NewPausedQueues(k.rdb, log)},
	}
	if k.tokens != nil { // not with a broker
		loops = append(loops, controller.Loop{Name: "tickets", Reconciler: controller.Tickets{Keeper: k.tokens}})
	}
	return controller.NewLeader(controller.NewLease(k.rdb, a.name), controller.NewRunner(log, loops...).Run, log)
}

// reconciled counts a pass over the rollouts.
func (a *App) reconciled(p dispatch.Progress, err error) {
	a.metrics.Passed(metrics.Pass{Woken: p.Woken, Expired: p.Expired, Claimed: p.Claimed, Changed: p.Changed, Failed: err != nil})
}

// wallClock is the machine's time.
type wallClock struct{}

// Now implements dispatch.Clock.
func (wallClock) Now() time.Time { return time.Now() }
