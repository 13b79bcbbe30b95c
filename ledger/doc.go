// Package ledger is the Redis store of rollouts and targets: the truth to which the
// queue's ids refer. Each change is one Lua script on the server's clock (see
// prelude.lua for the layout). All keys share one hash tag, so the scripts run on
// Redis Cluster too.
//
// It calls neither WeChat nor Asynq and contains no rules: rollout.Step computes each
// change before the ledger saves it.
package ledger
