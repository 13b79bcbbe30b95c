package ratelimit

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"
)

// takeFunc is Take as the property calls it; a deliberate bug puts another one in its place.
type takeFunc func(ctx context.Context, q *Quota, a Ask, ids []string) (Taken, error)

// booksModel keeps independent books of a metered quota of several pools. What the platform has
// left it takes from the state, which TestQuotaProperties holds.
type booksModel struct {
	world
	t        *testing.T
	draw     func(n int) int
	q        *Quota
	take     takeFunc
	fault    string
	live     map[string]time.Time // permits out, and when they lapse
	month    map[string]int64     // spent by pool
	day      map[string]int64
	when     time.Time         // of month and day
	doubts   map[string]string // calls whose reply was lost, and the day
	standing map[string]int64
	apps     map[string]bool // refused since the last spent unit
	seen     map[string]bool // what came up
}

var booksPools = []string{"bulk", "hot", "new"}

// poolOf is the pool of an id: they carry its name.
func poolOf(id string) string { return id[:strings.IndexByte(id, '-')] }

func (w *booksModel) bad(format string, args ...any) {
	if w.fault == "" {
		w.fault = fmt.Sprintf(format, args...)
	}
}

func (w *booksModel) state() QuotaState {
	s, err := w.q.State(w.t.Context())
	if err != nil {
		w.bad("state: %v", err)
	}
	return s
}

// assignment lets permits lapse, and the month and the day assignment.
func (w *booksModel) assignment() {
	now := w.now()
	maps.DeleteFunc(w.live, func(_ string, lapses time.Time) bool { return !lapses.After(now) })
	y, m, d := now.In(utc8).Date()
	y0, m0, d0 := w.when.In(utc8).Date()
	if y != y0 || m != m0 {
		clear(w.month)
		clear(w.doubts)
	}
	if y != y0 || m != m0 || d != d0 {
		clear(w.day)
	}
	w.when = now
}

func (w *booksModel) out(pool string) (n int64) {
	for id := range w.live {
		if pool == "" || poolOf(id) == pool {
			n++
		}
	}
	return n
}

// room is how many more permits an ask may get: the rules of docs/quota.md.
func (w *booksModel) room(a Ask, s QuotaState, probe bool) int64 {
	lacking := int64(0)
	for _, pool := range booksPools {
		if share := max(a.Shares[pool], w.standing[pool]); pool != a.Pool {
			lacking += max(0, share-w.month[pool]-w.out(pool))
		}
	}
	room := int64(math.MaxInt64)
	switch {
	case s.Known && (!probe || lacking > 0):
		room = s.Rest - w.out("") - lacking
	case !s.Known && lacking > 0:
		room = -1
	case !s.Known && !probe:
		room = 1 - w.out("")
	}
	bound := a.Cap
	if a.CapPercent > 0 && !s.Known {
		return min(room, 0)
	}
	if a.CapPercent > 0 {
		if part := s.Limit * a.CapPercent / 100; bound == 0 || part < bound {
			bound = part
		}
	}
	if bound > 0 || a.CapPercent > 0 {
		room = min(room, bound-w.month[a.Pool]-w.out(a.Pool))
	}
	if a.PerDay > 0 {
		room = min(room, a.PerDay-w.day[a.Pool]-w.out(a.Pool))
	}
	return room
}

func (w *booksModel) ask() Ask {
	a := Ask{Pool: booksPools[w.draw(3)], Shares: map[string]int64{"hot": int64(w.draw(8)), "new": int64(w.draw(5))}}
	switch w.draw(5) {
	case 0:
		a.Cap = int64(1 + w.draw(12))
	case 1:
		a.CapPercent = int64(1 + w.draw(60))
	case 2:
		a.PerDay = int64(1 + w.draw(8))
	}
	return a
}

// takes: exactly what the model has room for is granted, no more (safety) and no less (liveness).
func (w *booksModel) takes() {
	a, before := w.ask(), w.state()
	var ids []string
	for range 1 + w.draw(5) {
		ids = append(ids, fmt.Sprintf("%s-%d", a.Pool, w.draw(12)))
	}
	got, err := w.take(w.t.Context(), w.q, a, ids)
	if err != nil {
		w.bad("take: %v", err)
		return
	}
	if before.State != StateOpen {
		w.probes(a, before, ids, got)
		return
	}
	free, want := w.room(a, before, false), 0
	for _, id := range ids {
		_, had := w.live[id]
		if free < 0 || !had && free < 1 {
			break
		}
		if !had {
			free--
		}
		want++
		w.live[id] = w.now().Add(w.q.opts.PermitTTL)
	}
	if len(got.Granted) != want {
		w.bad("%+v for %q: granted %q, want %d; %+v, out %d, spent %v, standing %v, limit %+v",
			a, ids, got.Granted, want, before, w.out(""), w.month, w.standing, got.Limit)
	}
	if got.Limit != nil {
		w.seen[got.Limit.Kind] = true
	}
	if (got.Limit == nil) != (want == len(ids)) {
		w.bad("granted %d of %d with limit %+v", want, len(ids), got.Limit)
	}
}

// probes: a pool that is not open grants one permit when it is time, none that the model has no
// room for.
func (w *booksModel) probes(a Ask, before QuotaState, ids []string, got Taken) {
	due, room := !before.RetryAt.After(w.now()), w.room(a, before, true)
	probe := probeOf(before)
	again := slices.Contains(ids, probe) // its reply was lost
	switch n := len(got.Granted); {
	case n > 1 || n == 1 && !again && (!due || room < 1):
		w.bad("%+v: a probe %q with room for %d, due %t: %+v", a, got.Granted, room, due, before)
	case n == 0 && due && room > 0:
		w.bad("%+v: no probe though it is due: %+v, limit %+v", a, before, got.Limit)
	case n == 1:
		w.seen["probe"] = true
		if got.Granted[0] != probe {
			delete(w.live, probe) // it was lost, and gives way
		}
		w.live[got.Granted[0]] = w.now().Add(w.q.opts.PermitTTL)
	}
}

func (w *booksModel) settles() {
	ids := slices.Sorted(maps.Keys(w.live))
	if len(ids) == 0 {
		return
	}
	id, use := ids[w.draw(len(ids))], []Use{Unused, Spent, Spent, Doubtful}[w.draw(4)]
	if err := w.q.SettleFor(w.t.Context(), poolOf(id), id, use); err != nil {
		w.bad("settle: %v", err)
	}
	delete(w.live, id)
	if use == Unused {
		return
	}
	w.month[poolOf(id)]++
	w.day[poolOf(id)]++
	clear(w.apps)
	if delete(w.doubts, id); use == Doubtful {
		w.doubts[id] = dayOf(w.now())
	}
}

// dayOf is a day in UTC+8.
func dayOf(at time.Time) string { return at.In(utc8).Format(time.DateOnly) }

// denies: a read-back gives a lost call's unit back to its pool's books, once.
func (w *booksModel) denies() {
	ids := slices.Sorted(maps.Keys(w.doubts))
	if len(ids) == 0 {
		return
	}
	id := ids[w.draw(len(ids))]
	for range 2 {
		if err := w.q.SettleFor(w.t.Context(), poolOf(id), id, Denied); err != nil {
			w.bad("deny: %v", err)
		}
	}
	w.month[poolOf(id)]--
	if w.doubts[id] == dayOf(w.now()) {
		w.day[poolOf(id)]--
	}
	delete(w.doubts, id)
}

// refuses: one app or two alone close nothing while units are left.
func (w *booksModel) refuses() {
	app, left, before := fmt.Sprint("app", w.draw(4)), w.draw(3) > 0, w.state()
	closed, err := w.q.Refused(w.t.Context(), Refusal{App: app, Reason: "85085", Left: left})
	w.apps[app] = true
	if want := before.State != StateOpen || !left || len(w.apps) >= 3; err != nil || closed != want {
		w.bad("%s refused with left %t after %v: closed %t, %v; want %t", app, left, w.apps, closed, err, want)
	}
	w.seen[fmt.Sprint("closed ", closed)] = true
}

func (w *booksModel) refills() {
	begun, err := w.q.BeginReading(w.t.Context())
	if err != nil {
		w.bad("begin: %v", err)
	}
	probe := probeOf(w.state())
	rest := int64(w.draw(25))
	if err := w.q.Refill(w.t.Context(), Reading{Rest: rest, Limit: 30, Begun: begun}); err != nil {
		w.bad("refill: %v", err)
	}
	if rest == 0 {
		delete(w.live, probe) // it has its answer
	}
}

// probeOf is the probe that is out; "" if none is.
func probeOf(s QuotaState) string {
	for _, who := range slices.Backward(s.Tried) {
		if strings.Contains(who, "-") && s.State == StateProbing { // a permit, and no app
			return who
		}
	}
	return ""
}

func (w *booksModel) shares() {
	w.standing = map[string]int64{}
	if w.draw(2) == 0 {
		w.standing = map[string]int64{booksPools[w.draw(3)]: int64(w.draw(9))}
	}
	if err := w.q.SetShares(w.t.Context(), w.standing); err != nil {
		w.bad("set shares: %v", err)
	}
}

// check compares the books.
func (w *booksModel) check() {
	w.assignment()
	s := w.state()
	for _, pool := range booksPools {
		i := slices.IndexFunc(s.Pools, func(p PoolBooks) bool { return p.Pool == pool })
		got := PoolBooks{Pool: pool}
		if i >= 0 {
			got = s.Pools[i]
		}
		if want := (PoolBooks{pool, w.month[pool], w.day[pool], w.out(pool)}); got != want {
			w.bad("books %+v, want %+v", got, want)
		}
	}
}

// run makes n random steps and returns what broke first.
func (w *booksModel) run(n int) string {
	w.live, w.month, w.day = map[string]time.Time{}, map[string]int64{}, map[string]int64{}
	w.doubts = map[string]string{}
	w.apps, w.standing, w.when = map[string]bool{}, map[string]int64{}, w.now()
	steps := []func(){
		w.takes, w.takes, w.takes, w.takes, w.settles, w.settles, w.settles, w.denies, w.refuses, w.refills, w.refills, w.shares,
		func() { w.advance(time.Duration(1+w.draw(180)) * time.Second) },
		func() { w.advance(time.Duration(1+w.draw(60)) * time.Hour) },
		func() {
			if err := w.q.Open(w.t.Context()); err != nil {
				w.bad("open: %v", err)
			}
			clear(w.apps)
		},
	}
	for i := 0; i < n && w.fault == ""; i++ {
		steps[w.draw(len(steps))]()
		w.check()
	}
	return w.fault
}

func newBooksModel(t *testing.T, w world, name string, take takeFunc, draw func(n int) int) *booksModel {
	return &booksModel{world: w, t: t, take: take, draw: draw, seen: map[string]bool{}, q: NewQuota(w.rdb, name, QuotaOptions{
		ProbeAfter: time.Minute, ProbeMax: 5 * time.Minute, PermitTTL: 2 * time.Minute, Metered: true,
	})}
}

func takeAsIs(ctx context.Context, q *Quota, a Ask, ids []string) (Taken, error) {
	return q.Take(ctx, a, ids)
}

// TestQuotaBooksProperty: in every history, a pool gets exactly the permits that the shares of others,
// its caps and what is left allow; no share is reached into, and no free unit is kept back.
func TestQuotaBooksProperty(t *testing.T) {
	t.Parallel()
	world := newWorld(t)
	n, seen := 0, map[string]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		n++
		w := newBooksModel(t, world, fmt.Sprint("books", n), takeAsIs, func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "draw") })
		w.seen = seen
		if fault := w.run(60); fault != "" {
			rt.Fatal(fault)
		}
	})
	for _, what := range []string{LimitUnread, LimitReserved, LimitExhausted, LimitCap, LimitPerDay, "probe", "closed true", "closed false"} {
		if !seen[what] {
			t.Errorf("no run came to %q", what)
		}
	}
}

// bugInScript is Take with a part of its script changed.
func bugInScript(t *testing.T, old, changed string) takeFunc {
	t.Helper()
	var src strings.Builder
	for _, f := range []string{"quota.lua", "quota_ask.lua", "quota_take.lua"} {
		b, err := sources.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		src.Write(b)
	}
	if strings.Count(src.String(), old) != 1 {
		t.Fatalf("%q is not once in the script", old)
	}
	s := redis.NewScript(strings.Replace(src.String(), old, changed, 1))
	return func(ctx context.Context, q *Quota, a Ask, ids []string) (Taken, error) {
		args := a.args()
		for _, id := range ids {
			args = append(args, id)
		}
		r := q.run(ctx, s, 3+limitValues, args...)
		n, probe := r.Int(0), r.Str(2)
		got := Taken{Granted: ids[:n:n], Probe: r.Flag(1), Limit: limit(r, 3, a.Pool)}
		if got.Probe {
			got.Granted = []string{probe}
		}
		return got, r.Err("take")
	}
}

// TestQuotaBooksPropertyFindsBugs: each deliberate bug breaks the property.
func TestQuotaBooksPropertyFindsBugs(t *testing.T) {
	t.Parallel()
	const seed = 1
	for name, bug := range map[string][2]string{
		"permits out are not subtracted where the share is": {`bound(q.rest - out - reserved, "reserved")`, `bound(q.rest - reserved, "reserved")`},
		"the old allowance: one less the shares":            {`if reserved > 0 then bound(q.rest - out - reserved, "reserved") end`, `if reserved > 0 then bound(1 - reserved, "reserved") end`},
		"what a share has spent is kept once more":          {`share[name] - spent_of("m:" .. name) - out_of(name)`, `share[name] - out_of(name)`},
		"standing shares are forgotten":                     {`do keep(standing[i], standing[i + 1]) end`, `do end`},
		"permits out do not count for the cap":              {`bound(cap - used, "cap")`, `bound(cap - used + held, "cap")`},
		"the day is the month":                              {`bound(per_day - used_today, "per_day")`, `bound(per_day - used, "per_day")`},
		"a probe takes a unit of a share":                   {`room(true)`, `1, ""`},
		"a permit is given again after any change":          {`if free < 0 then break end`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world, take := newWorld(t), bugInScript(t, bug[0], bug[1])
			for i := range uint64(300) {
				rnd := rand.New(rand.NewPCG(seed, i))
				if newBooksModel(t, world, fmt.Sprint("bug", i), take, rnd.IntN).run(60) != "" {
					return
				}
			}
			t.Errorf("not found with seed %d", seed)
		})
	}
}
