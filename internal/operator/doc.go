// Package operator holds the operator's verbs: show where targets are and why, hold and release
// rollouts, retry and undo targets, keep schedules and the baseline. [launch] has the way from a
// plan file to a rollout. The command line says the verbs in its own words.
//
// It works on the ledger, the pools and WeChat's reading calls. It must never print, read flags or
// the environment, or make a call at WeChat that changes an app: that is the workers' right, under
// their leases.
//
//	op := operator.New(operator.Deps{Ledger: l, Pools: p, WeChat: wx, Redis: rdb, By: "li@ops1"})
//	preview, err := op.Launcher().Preview(ctx, file, launch.PlanOptions{})
//	applied, err := op.Launcher().Apply(ctx, preview, launch.ApplyOptions{})
package operator
