package ratelimit

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// quotaModel watches a quota from outside.
type quotaModel struct {
	world
	t    *testing.T
	q    *Quota
	last QuotaState           // after the last step
	live map[string]time.Time // permits out, and when they lapse

	spent    int64 // settled as spent
	known    bool  // whether an allowance was read
	read     int64 // the reading's rest
	start    int64 // spent when it began
	begun    int64 // spent when the next reading began
	probe    string
	firm     time.Time // until then a refusal asked to be left alone
	closings int64
}

// left is how much of the reading is not spent.
func (w *quotaModel) left() int64 { return w.read - (w.spent - w.start) }

// out counts the permits out.
func (w *quotaModel) out() (n int64) {
	for id, lapses := range w.live {
		if lapses.After(w.now()) {
			n++
		} else {
			delete(w.live, id)
		}
	}
	return n
}

func (w *quotaModel) state(rt *rapid.T) QuotaState {
	s, err := w.q.State(w.t.Context())
	if err != nil {
		rt.Fatal(err)
	}
	return s
}

func (w *quotaModel) take(rt *rapid.T) {
	var ids []string
	for range rapid.IntRange(1, 4).Draw(rt, "ids") {
		ids = append(ids, fmt.Sprint("id", rapid.IntRange(0, 30).Draw(rt, "id")))
	}
	got, err := w.q.Take(w.t.Context(), Ask{}, ids)
	if err != nil {
		rt.Fatal(err)
	}
	w.out() // drop the lapsed
	fresh := 0
	for _, id := range got.Granted {
		if _, had := w.live[id]; !had {
			fresh++
		}
		w.live[id] = w.now().Add(w.q.opts.PermitTTL)
	}
	if len(got.Granted) > 0 && w.firm.After(w.now()) {
		rt.Fatalf("%+v while a refusal asks to wait until %v", got, w.firm)
	}
	if got.Probe {
		if len(got.Granted) != 1 {
			rt.Fatalf("a probe of %d permits", len(got.Granted))
		}
		if w.probe != "" && w.probe != got.Granted[0] {
			delete(w.live, w.probe) // replaced
		}
		w.probe = got.Granted[0]
		return
	}
	if fresh > 0 && w.known && w.out() > w.left() {
		rt.Fatalf("%d permits out with %d left of a reading of %d", w.out(), w.left(), w.read)
	}
	if (got.Limit == nil) != (len(got.Granted) == len(ids)) {
		rt.Fatalf("asked for %d, got %+v", len(ids), got)
	}
}

func (w *quotaModel) settle(rt *rapid.T) {
	id := fmt.Sprint("id", rapid.IntRange(0, 35).Draw(rt, "id"))
	spent := rapid.Bool().Draw(rt, "spent")
	probing := w.last.State == StateProbing && id == w.probe
	if err := w.q.Settle(w.t.Context(), id, spent); err != nil {
		rt.Fatal(err)
	}
	delete(w.live, id)
	if spent {
		switch {
		case w.firm.After(w.now()): // refused since it went out
		case probing && w.left() < 1:
			w.known = false
		case probing && w.known && w.left() == 1:
			w.closings++ // it opens and is used up in one step
		}
		w.spent++
	}
	if id == w.probe {
		w.probe = ""
	}
}

func (w *quotaModel) refill(rt *rapid.T) {
	rest := rapid.Int64Range(0, 12).Draw(rt, "rest")
	if err := w.q.Refill(w.t.Context(), Reading{Rest: rest, Limit: 100, Begun: Begun{Spent: w.begun}}); err != nil {
		rt.Fatal(err)
	}
	w.known, w.read, w.start = true, rest, w.begun
	if w.left() < 1 && w.last.State != StateOpen {
		delete(w.live, w.probe) // it has its answer
		w.probe = ""
	}
	w.begin(rt)
}

func (w *quotaModel) begin(rt *rapid.T) {
	n, err := w.q.BeginReading(w.t.Context())
	if err != nil || n.Spent != w.spent {
		rt.Fatalf("spent = %d, %v; want %d", n.Spent, err, w.spent)
	}
	w.begun = n.Spent
}

// check holds after every step.
func (w *quotaModel) check(rt *rapid.T) {
	s := w.last
	if s.Outstanding != w.out() || s.Spent != w.spent || s.Known != w.known {
		rt.Fatalf("state %+v; want %d out, %d spent, known %v", s, w.out(), w.spent, w.known)
	}
	if s.Known && s.Rest != max(0, w.left()) {
		rt.Fatalf("rest = %d, want %d", s.Rest, w.left())
	}
	if s.State == StateOpen {
		if s.Known && s.Rest == 0 {
			rt.Fatalf("open with nothing left, and without a reader: %+v", s)
		}
		return
	}
	if s.RetryAt.IsZero() {
		rt.Fatalf("not open, and without a reader: %+v", s)
	}
	var may []string
	for id := range w.live { // no other has a permit, as the count shows
		look, err := w.q.Holds(w.t.Context(), id)
		if err != nil || look.Closed == nil {
			rt.Fatalf("holds: %+v, %v", look, err)
		}
		if look.OK {
			may = append(may, id)
		}
	}
	if firm := w.firm.After(w.now()); firm && (len(may) > 0 || s.RetryAt.Before(w.firm)) {
		rt.Fatalf("a refusal asks to wait until %v, but %v may go: %+v", w.firm, may, s)
	}
	if len(may) > 1 || len(may) > 0 && s.State == StateClosed {
		rt.Fatalf("%s, and %d may go: %v", s.State, len(may), may)
	}
}

// comesBack: a pool that is not open always lets a probe out, a spent probe
// always opens it unless it was the last of the count, and then the next does;
// and dead holders' permits return.
func (w *quotaModel) comesBack(rt *rapid.T) {
	for s := w.state(rt); s.State != StateOpen; {
		w.advance(max(0, s.RetryAt.Sub(w.now())))
		got, err := w.q.Take(w.t.Context(), Ask{}, []string{"last"})
		if err != nil || !got.Probe || len(got.Granted) != 1 {
			rt.Fatalf("at its retry time: %+v, %v", got, err)
		}
		if err := w.q.Settle(w.t.Context(), "last", true); err != nil {
			rt.Fatal(err)
		}
		was := s
		if s = w.state(rt); s.State != StateOpen && (!was.Known || was.Rest != 1 || s.Reason != Exhausted) {
			rt.Fatalf("after a spent probe: %+v, before it %+v", s, was)
		}
	}
	w.advance(w.q.opts.PermitTTL)
	if s := w.state(rt); s.Outstanding != 0 {
		rt.Fatalf("%d permits of dead holders", s.Outstanding)
	}
}

// In every history of a quota, what is out and spent stays within what was
// read, at most one goes while it is closed, and it always comes back.
func TestQuotaProperties(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		w := &quotaModel{t: t, world: world, live: map[string]time.Time{}, q: NewQuota(world.rdb, fmt.Sprint(run), QuotaOptions{
			ProbeAfter: time.Minute, ProbeMax: 5 * time.Minute, PermitTTL: 2 * time.Minute,
		})}
		w.last = w.state(rt)
		watched := func(act func(*rapid.T)) func(*rapid.T) {
			return func(rt *rapid.T) {
				before := w.last
				act(rt)
				after := w.state(rt)
				w.last = after
				if before.State == StateOpen && after.State != StateOpen {
					w.closings++
				}
				if after.State == StateOpen {
					w.probe = "" // a permit like the others
				}
				if after.Closings != w.closings {
					rt.Fatalf("closings = %d, want %d", after.Closings, w.closings)
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":       w.check,
			"take":   watched(w.take),
			"settle": watched(w.settle),
			"refill": watched(w.refill),
			"begin":  watched(w.begin),
			"close": watched(func(rt *rapid.T) {
				after := time.Duration(rapid.IntRange(0, 3).Draw(rt, "minutes")) * time.Minute
				if err := w.q.Close(t.Context(), "85085", after); err != nil {
					rt.Fatal(err)
				}
				if until := w.now().Add(after); after > 0 && until.After(w.firm) {
					w.firm = until
				}
			}),
			"open": watched(func(rt *rapid.T) {
				if err := w.q.Open(t.Context()); err != nil {
					rt.Fatal(err)
				}
				w.known, w.firm = false, time.Time{}
			}),
			"advance": watched(func(rt *rapid.T) {
				world.advance(time.Duration(rapid.IntRange(1, 150).Draw(rt, "s")) * time.Second)
			}),
		})
		w.comesBack(rt)
	})
}
