// Package ledger is the Redis store of rollouts and targets: the truth that the
// queue only carries IDs of. Each change is one Lua script on the server's clock
// (see prelude.lua for the layout); all keys share one hash tag, so that it runs
// on Redis Cluster as well.
//
// It must never call WeChat, know Asynq, or decide: what a change means is
// decided by rollout.Step before it is saved here.
//
//	l := ledger.New(rdb, ledger.Options{})
//	assignment, err := l.Start(ctx, t, lease) // still mine?
//	next, err := rollout.Step(assignment.Target, event)
//	err = l.Save(ctx, assignment.Target, next, rollout.SaveOptions{})
package ledger
