package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// AckHook repeats Asynq's acknowledgements (done, retry, archive, requeue) while Redis is
// unreachable. Asynq v0.26 tries once and leaves the repair to a syncer whose context has already
// ended, so that one failed acknowledgement runs the task again a minute later. Add the hook to the
// client of the [Servers].
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

// isAck recognizes an acknowledgement by the first two keys of its script: the active list and the
// leases, or a task and the active list.
func isAck(cmd redis.Cmder) bool {
	args := cmd.Args()
	name := strings.ToLower(cmd.Name()) // eval: a restarted server has lost the script
	if name != "evalsha" && name != "eval" || len(args) < 5 {
		return false
	}
	first, second := fmt.Sprint(args[3]), fmt.Sprint(args[4])
	return strings.HasSuffix(first, ":active") && strings.HasSuffix(second, ":lease") ||
		strings.Contains(first, ":t:") && strings.HasSuffix(second, ":active")
}

// finalReply reports whether err is a reply of Redis that repeating does not change.
func finalReply(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	for _, transient := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"} {
		if strings.HasPrefix(reply.Error(), transient) {
			return false
		}
	}
	return true
}
