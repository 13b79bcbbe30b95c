package app

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// jobTime bounds one background job.
const jobTime = 30 * time.Second

// errBusy makes WeChat repeat a callback.
var errBusy = errors.New("too many background jobs are running")

// jobs are calls to WeChat that a callback causes and that take longer than its reply may. They are
// lost with the process: syncs and read-backs must make up for them.
type jobs struct {
	group  errgroup.Group
	ctx    context.Context
	cancel context.CancelFunc
}

func newJobs(atOnce int) *jobs {
	j := &jobs{}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.group.SetLimit(atOnce)
	return j
}

// do starts a background job, or returns errBusy.
func (j *jobs) do(job func(context.Context)) error {
	started := j.group.TryGo(func() error {
		ctx, cancel := context.WithTimeout(j.ctx, jobTime)
		defer cancel()
		job(ctx)
		return nil
	})
	if !started {
		return errBusy
	}
	return nil
}

// stop waits for the jobs, and cancels them when ctx ends. No job may start after it.
func (j *jobs) stop(ctx context.Context) error {
	defer context.AfterFunc(ctx, j.cancel)()
	defer j.cancel()
	return j.group.Wait()
}
