package wxsim

import (
	"context"
	"sync/atomic"
	"time"
)

// abandonGrace is how much earlier than it is noticed a client may have gone away: a call that starts within this time
// before an older call's client is seen to have gone does not overlap it.
const abandonGrace = 100 * time.Millisecond

// flight is a call on an app between its arrival and its answer.
type flight struct {
	path  string
	write bool
	ctx   context.Context
	at    time.Time    // real time of arrival
	later []*flight    // calls that arrived while this one was in flight
	gone  atomic.Int64 // UnixNano when the client was seen to have gone
	stop  func() bool  // ends the watch for that
	wall  func() time.Time
}

// enter puts a call in flight. blocked reports that it is a write while another write is still unfinished.
func (a *app) enter(c *call, now time.Time) (fl *flight, blocked bool) {
	fl = &flight{path: c.ep.path, write: c.writes(), ctx: c.r.Context(), at: now, wall: c.sim.wall}
	for _, g := range a.flights {
		if g.stop == nil {
			g.stop = context.AfterFunc(g.ctx, func() { g.gone.Store(g.wall().UnixNano()) })
		}
		g.later = append(g.later, fl)
		blocked = blocked || fl.write && g.write && g.ctx.Err() == nil
	}
	a.flights = append(a.flights, fl)
	return fl, blocked
}

// leave ends a flight and books the overlaps with calls that came after it, unless its client had given it up by then.
func (a *app) leave(fl *flight, s *Sim) {
	for i, g := range a.flights {
		if g == fl {
			a.flights = append(a.flights[:i], a.flights[i+1:]...)
			break
		}
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
		s.books.overlap(a.id, fl, g, s.clock.Now())
	}
}
