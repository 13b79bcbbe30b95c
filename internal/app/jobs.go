package app

import (
	"context"
	"errors"
	"sync"
	"time"
)

// jobTime bounds one background job.
const jobTime = 30 * time.Second

// errBusy makes WeChat repeat a push.
var errBusy = errors.New("too much to do at once")

// background jobs is work that a push asks for and its answer, due within seconds, can't
// wait for: a call to WeChat. Work that is lost with the process must be made up
// for elsewhere.
type jobs struct {
	slots  chan struct{}
	wg     sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
}

func newJobs(atOnce int) *jobs {
	ctx, cancel := context.WithCancel(context.Background())
	return &jobs{slots: make(chan struct{}, atOnce), ctx: ctx, cancel: cancel}
}

// do starts a background job, or returns errBusy.
func (c *jobs) do(job func(context.Context)) error {
	select {
	case c.slots <- struct{}{}:
	default:
		return errBusy
	}
	c.wg.Go(func() {
		defer func() { <-c.slots }()
		ctx, cancel := context.WithTimeout(c.ctx, jobTime)
		defer cancel()
		job(ctx)
	})
	return nil
}

// stop waits for the background jobs until ctx ends, and ends them then. Nobody may begin
// one any more.
func (c *jobs) stop(ctx context.Context) error {
	release := context.AfterFunc(ctx, c.cancel)
	defer release()
	c.wg.Wait()
	c.cancel()
	return nil
}
