// Package clock is the simulated time: clocks, and the calendar that WeChat counts by.
package clock

import (
	"slices"
	"sync"
	"time"
)

// Clock is a source of time and timers.
type Clock interface {
	// Now is the current time.
	Now() time.Time
	// AfterFunc runs f once after d, in a separate goroutine. The returned function cancels it.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// System is the clock of the machine.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return time.Now() }

// AfterFunc implements Clock.
func (System) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// Manual moves only when it is advanced. It is safe for concurrent use.
type Manual struct {
	mu     sync.Mutex
	now    time.Time
	timers []*timer // by time, then by age
}

type timer struct {
	at time.Time
	f  func() // nil once canceled or run
}

// NewManual starts a clock at the given time.
func NewManual(at time.Time) *Manual { return &Manual{now: at} }

// Now implements Clock.
func (c *Manual) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements Clock: f runs during the Advance that reaches its time, or immediately in a new goroutine when d is
// not positive.
func (c *Manual) AfterFunc(d time.Duration, f func()) func() bool {
	if d <= 0 {
		go f()
		return func() bool { return false }
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{at: c.now.Add(d), f: f}
	i, _ := slices.BinarySearchFunc(c.timers, t.at, func(other *timer, at time.Time) int {
		if other.at.After(at) {
			return 1
		}
		return -1
	})
	c.timers = slices.Insert(c.timers, i, t)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		was := t.f != nil
		t.f = nil
		return was
	}
}

// Timers is the number of timers whose time has not come, canceled ones included.
func (c *Manual) Timers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// Advance moves the clock and runs the timers that fall due, in order of time, before it returns.
func (c *Manual) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.now.Add(d)
	for len(c.timers) > 0 && !c.timers[0].at.After(end) {
		t := c.timers[0]
		c.timers = c.timers[1:]
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
}
