package gateway

import (
	"context"
	"time"
)

// endless is a context that a test ends.
type endless struct{ done chan struct{} }

func newEndless() endless { return endless{make(chan struct{})} }

func (e endless) end()                        { close(e.done) }
func (e endless) Deadline() (time.Time, bool) { return time.Time{}, false }
func (e endless) Done() <-chan struct{}       { return e.done }
func (e endless) Value(any) any               { return nil }
func (e endless) Err() error {
	select {
	case <-e.done:
		return context.Canceled
	default:
		return nil
	}
}
