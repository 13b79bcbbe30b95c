package gateway

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/books"
)

// traffic is the calls on one app, or on the platform.
type traffic struct {
	mu      sync.Mutex
	calls   []uint32 // by endpoint
	flights []*flight
}

// count counts a call and returns the number of calls of its endpoint before it.
func (t *traffic) count(c *Call) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = make([]uint32, len(c.gateway.endpoints))
	}
	n := t.calls[c.ep.index]
	t.calls[c.ep.index]++
	return uint64(n)
}

// abandonGrace is the longest delay between a client's disconnecting and its detection: a call that starts within this
// time before an older call's client is seen to have disconnected does not overlap it.
const abandonGrace = 100 * time.Millisecond

// flight is a call on an app between its arrival and its answer.
type flight struct {
	path  string
	write bool
	ctx   context.Context
	at    time.Time    // real time of arrival
	later []*flight    // calls that arrived while this one was in flight
	gone  atomic.Int64 // UnixNano when the client was seen to have disconnected
	stop  func() bool  // ends the watch for that
	wall  func() time.Time
}

// enter puts a call in flight. blocked reports that it is a write while another write is still unfinished.
func (t *traffic) enter(c *Call, now time.Time) (fl *flight, blocked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fl = &flight{path: c.ep.Path, write: c.writes(), ctx: c.R.Context(), at: now, wall: c.gateway.wall}
	for _, g := range t.flights {
		if g.stop == nil {
			g.stop = context.AfterFunc(g.ctx, func() { g.gone.Store(g.wall().UnixNano()) })
		}
		g.later = append(g.later, fl)
		blocked = blocked || fl.write && g.write && g.ctx.Err() == nil
	}
	t.flights = append(t.flights, fl)
	return fl, blocked
}

// leave ends a flight and records the overlaps with calls that came after it, unless its client had given it up by then.
func (t *traffic) leave(fl *flight, c *Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.flights, fl); i >= 0 {
		t.flights = slices.Delete(t.flights, i, i+1)
	}
	if fl.stop != nil {
		fl.stop()
	}
	for _, g := range fl.later {
		if fl.ctx.Err() != nil {
			gone := fl.gone.Load()
			if gone == 0 {
				gone = fl.wall().UnixNano()
			}
			if gone <= g.at.Add(abandonGrace).UnixNano() {
				continue
			}
		}
		k := &c.World.Books
		list := &k.Book.OverlappingReads
		if fl.write || g.write {
			list = &k.Book.OverlappingCalls
		}
		k.Offend(list, books.Offence{
			AppID: c.App.ID, At: c.World.Clock.Now(), What: g.path + " while " + fl.path + " was in flight",
		})
	}
}
