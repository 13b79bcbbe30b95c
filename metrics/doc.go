// Package metrics exports a worker to Prometheus: counters that hooks feed as things happen, and gauges that are read at scrape time from the ledger, the
// pools and the queues ([Metrics.Watch]).
//
// It owns every name that starts with wxrollout_. Label values come from the packages
// that own them ([Labels]): the sets are closed, a value outside of them becomes "other",
// and every counter starts at 0 so that its first increment is visible. The labels rollout and wave
// are bounded by [MaxRollouts], [MaxFinished] and [FinishedFor]. It must never carry an appid or a
// secret, never log, and import no other package of this module: it takes plain values.
//
//	m := metrics.New(reg, labels)
//	m.Build(version, revision)
//	m.Watch(metrics.WatchOptions{Leader: lead.Held, Source: src, Redis: rdb})
//	m.Transition("submit", "advanced", "pending")
//
// Counters belong to the worker they happened in: sum them. Gauges of the fleet
// are exported by the leader alone, so that summing them over workers is right
// too. metrics/mixin holds the dashboard, the alerts and the runbook.
package metrics
