package tasks_test

import (
	"context"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/wxclient"
)

// A worker: a handler behind one Asynq server per queue.
func Example_worker() {
	work := func(ctx context.Context, rdb, servers redis.UniversalClient, wx *wxclient.Client, pools *pool.Pools) error {
		h := tasks.NewHandler(tasks.HandlerOptions{
			WeChat: wx, Ledger: ledger.New(rdb, ledger.Options{}), Permits: pools, Log: zerolog.Nop(),
		})
		servers.AddHook(queue.AckHook{}) // a client of the servers' own
		s := queue.NewServers(servers, h, queue.ServersOptions{
			Concurrency: map[rollout.QueueName]int{rollout.QueueCommit: 20, rollout.QueueAudit: 10, rollout.QueueRelease: 10},
			Log:         zerolog.Nop(),
		})
		if err := s.Start(); err != nil {
			return err
		}
		<-ctx.Done()
		drained, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ends when the handlers must give back
		defer cancel()
		return s.Shutdown(drained)
	}
	_ = work
}

// The side of the controller: a queue for assignments, and the pools of permits.
func Example_controller() {
	dispatch := func(ctx context.Context, rdb, own redis.UniversalClient, assignments []rollout.Assignment) error {
		pools := pool.New(func(name string) *ratelimit.Quota {
			return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{Metered: name == string(rollout.StageSubmit)})
		}, pool.Options{})
		taken, err := pools.Take(ctx, rollout.TakeRequest{Stage: rollout.StageSubmit, Pool: "bulk", IDs: []string{"spring/wx1"}})
		if err != nil || len(taken.Granted) == 0 {
			return err
		}
		return queue.New(own, queue.Options{}).Enqueue(ctx, assignments)
	}
	_ = dispatch
}
