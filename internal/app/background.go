package app

import (
	"context"
	"sync"
)

// background runs loops until it is stopped.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newBackground() *background {
	ctx, cancel := context.WithCancel(context.Background())
	return &background{ctx: ctx, cancel: cancel}
}

// run starts a loop, which must return soon after its context ends.
func (b *background) run(loop func(context.Context)) {
	b.wg.Go(func() { loop(b.ctx) })
}

// stop ends all loops and waits for them.
func (b *background) stop(context.Context) error {
	b.cancel()
	b.wg.Wait()
	return nil
}
