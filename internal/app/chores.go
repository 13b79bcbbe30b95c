package app

import (
	"context"
	"errors"
	"sync"
	"time"
)

// choreTime bounds one chore.
const choreTime = 30 * time.Second

// errBusy makes WeChat repeat a push.
var errBusy = errors.New("too much to do at once")

// chores is work that a push asks for and its answer, due within seconds, can't
// wait for: a call to WeChat. Work that is lost with the process must be made up
// for elsewhere.
type chores struct {
	slots  chan struct{}
	wg     sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
}

func newChores(atOnce int) *chores {
	ctx, cancel := context.WithCancel(context.Background())
	return &chores{slots: make(chan struct{}, atOnce), ctx: ctx, cancel: cancel}
}

// do starts a chore, or returns errBusy.
func (c *chores) do(chore func(context.Context)) error {
	select {
	case c.slots <- struct{}{}:
	default:
		return errBusy
	}
	c.wg.Go(func() {
		defer func() { <-c.slots }()
		ctx, cancel := context.WithTimeout(c.ctx, choreTime)
		defer cancel()
		chore(ctx)
	})
	return nil
}

// stop waits for the chores until ctx ends, and ends them then. Nobody may begin
// one any more.
func (c *chores) stop(ctx context.Context) error {
	release := context.AfterFunc(ctx, c.cancel)
	defer release()
	c.wg.Wait()
	c.cancel()
	return nil
}
