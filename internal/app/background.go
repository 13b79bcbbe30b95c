package app

import (
	"context"
	"sync"
)

// background runs loops until it is stopped.
type background struct {
	once   sync.Once
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func (b *background) init() {
	b.once.Do(func() { b.ctx, b.cancel = context.WithCancel(context.Background()) })
}

// run starts a loop, which must return soon after its context ends.
func (b *background) run(loop func(context.Context)) {
	b.init()
	b.wg.Go(func() { loop(b.ctx) })
}

// stop ends all loops and waits for them.
func (b *background) stop() {
	b.init()
	b.cancel()
	b.wg.Wait()
}
