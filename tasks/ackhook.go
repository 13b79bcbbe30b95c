package tasks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// AckHook repeats Asynq's acknowledgements (done, retry, archive, requeue) while
// Redis can't be reached. Asynq v0.26 tries once and then gives the repair to a
// syncer whose context has ended already, so that one failed acknowledgement
// runs the task a second time a minute later. Put it on the servers' client.
type AckHook struct{}

// DialHook implements redis.Hook.
func (AckHook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (AckHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements redis.Hook.
func (AckHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !isAck(cmd) {
			return next(ctx, cmd)
		}
		for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
			err := next(ctx, cmd)
			if err == nil || ctx.Err() != nil || finalReply(err) {
				return err
			}
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return err
			case <-timer.C:
			}
		}
	}
}

// isAck tells an acknowledgement by the keys of its script: the active list and
// the leases, or a task and the active list.
func isAck(cmd redis.Cmder) bool {
	args := cmd.Args()
	name := strings.ToLower(cmd.Name()) // eval: a server that came back doesn't know the script
	if name != "evalsha" && name != "eval" || len(args) < 5 {
		return false
	}
	first, second := fmt.Sprint(args[3]), fmt.Sprint(args[4])
	return strings.HasSuffix(first, ":active") && strings.HasSuffix(second, ":lease") ||
		strings.Contains(first, ":t:") && strings.HasSuffix(second, ":active")
}

// finalReply tells an answer of Redis that another try won't change.
func finalReply(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	for _, passing := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"} {
		if strings.HasPrefix(reply.Error(), passing) {
			return false
		}
	}
	return true
}
