package wxsim

import (
	"container/heap"
	"sync"
	"time"
)

// Clock tells the time and wakes pushes.
type Clock interface {
	// Now is the current time.
	Now() time.Time
	// AfterFunc runs f once, in a goroutine of its own, when d has passed. The returned function cancels it.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

// ManualClock stands still until it is advanced. It is safe for concurrent use.
type ManualClock struct {
	mu     sync.Mutex
	now    time.Time
	seq    int
	timers timerHeap
}

// NewManualClock starts a clock at the given time.
func NewManualClock(at time.Time) *ManualClock { return &ManualClock{now: at} }

// Now implements Clock.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements Clock: f runs during the Advance that reaches its time, or at once in a goroutine of its own when
// d is not positive.
func (c *ManualClock) AfterFunc(d time.Duration, f func()) func() bool {
	if d <= 0 {
		go f()
		return func() bool { return false }
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	t := &manualTimer{at: c.now.Add(d), seq: c.seq, f: f}
	heap.Push(&c.timers, t)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		was := t.f != nil
		t.f = nil
		return was
	}
}

// Advance moves the clock and runs what falls due, in order of time, before it returns.
func (c *ManualClock) Advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for len(c.timers) > 0 && !c.timers[0].at.After(end) {
		t := heap.Pop(&c.timers).(*manualTimer)
		if t.at.After(c.now) {
			c.now = t.at
		}
		if f := t.f; f != nil {
			t.f = nil
			c.mu.Unlock()
			f()
			c.mu.Lock()
		}
	}
	if end.After(c.now) {
		c.now = end
	}
	c.mu.Unlock()
}

type manualTimer struct {
	at  time.Time
	seq int
	f   func()
}

// timerHeap orders timers by time, then by age.
type timerHeap []*manualTimer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(*manualTimer)) }
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return t
}
