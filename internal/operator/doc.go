// Package operator holds what an operator can do: preview a plan, apply it, look
// at where targets stand and why, hold and release rollouts, retry targets, keep
// schedules, and check that everything a rollout needs is there. The command line
// and the web console say it in their own words.
//
// It works on the ledger, the pools and WeChat's reading calls. It must never
// print, read flags or the environment, or make a call at WeChat that changes
// something: that is the workers' right, under their leases.
//
//	op := operator.New(operator.Deps{Ledger: l, Pools: p, WeChat: wx, Redis: rdb, By: "li@ops1"})
//	preview, err := op.Plan(ctx, file, operator.PlanOptions{})
//	applied, err := op.Apply(ctx, preview, operator.ApplyOptions{})
package operator
