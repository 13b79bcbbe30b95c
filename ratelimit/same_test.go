package ratelimit

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// A miniredis, a server and a cluster give the same answers to the same long
// sequence of everything, to the µs and the permit.
func TestSameAnswersOfEveryKind(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m, mini := redistest.Mini(t)
	want := transcript(t, seed, mini, func(d time.Duration) { redistest.Advance(m, d) })
	server, advance := redistest.Start(t).Virtual(t)
	if diff := cmp.Diff(want, transcript(t, seed, server, advance)); diff != "" {
		t.Errorf("-miniredis +server:\n%s", diff)
	}
	cluster, advance := redistest.VirtualCluster(t)
	if diff := cmp.Diff(want, transcript(t, seed, cluster, advance)); diff != "" {
		t.Errorf("-miniredis +cluster:\n%s", diff)
	}
	// Some kinds of answers are rare: more sequences, on the fastest kind, until each has come.
	text := strings.Join(want, "\n")
	missing := func() string {
		for _, word := range []string{"0 retry", "closed", "slow", "true", "false", "reserved", "per_day", "cap", "external"} {
			if !strings.Contains(text, word) {
				return word
			}
		}
		return ""
	}
	for more := uint64(1); missing() != "" && more <= 20; more++ {
		m, mini := redistest.Mini(t)
		text += strings.Join(transcript(t, seed+more, mini, func(d time.Duration) { redistest.Advance(m, d) }), "\n")
	}
	if word := missing(); word != "" {
		t.Errorf("no sequence came to %q", word)
	}
}

// transcript acts at random, the same for the same seed, and says what came of it.
// Times are relative to the start, since each kind begins at another moment.
func transcript(t *testing.T, seed uint64, rdb redis.UniversalClient, advance func(time.Duration)) []string {
	t.Helper()
	ctx, rnd := t.Context(), rand.New(rand.NewPCG(seed, 0))
	midMonth(t, rdb, advance)
	start := rdb.Time(ctx).Val()
	since := func(at time.Time) time.Duration {
		if at.IsZero() {
			return -1
		}
		return at.Sub(start)
	}
	whole := NewThrottle(rdb, "x", Rate{Permits: 20, Burst: 5})
	free := NewThrottle(rdb, "y", Rate{})
	throttles := []*Throttle{whole, whole.Part("p"), free, free.Part("p")}
	opts := QuotaOptions{ProbeAfter: time.Minute, ProbeMax: 5 * time.Minute, PermitTTL: 2 * time.Minute, Metered: rnd.IntN(2) == 0}
	quota := &quotaRig{t: t, start: start, q: NewQuota(rdb, "x", opts)}
	shared := &quotaRig{t: t, start: start, q: NewQuota(rdb, "y", opts)}
	id := func() string { return fmt.Sprint("id", rnd.IntN(9)) }
	acts := []func() (what, came string){
		func() (string, string) {
			d := time.Duration(rnd.IntN(200_000)) * time.Microsecond
			if rnd.IntN(3) == 0 {
				d = time.Duration(rnd.IntN(90)) * time.Second
			}
			advance(d)
			return "advance", d.String()
		},
		func() (string, string) {
			i := rnd.IntN(len(throttles))
			r := &throttleRig{t: t, th: throttles[i], rdb: rdb, start: start}
			op := []throttleOp{take(1 + rnd.IntN(8)), take(1 + rnd.IntN(99)), slow, throttled}[rnd.IntN(4)]
			return fmt.Sprint("throttle ", i), op(r) + ", slow " + slowness(t, r.th)
		},
		func() (string, string) {
			ids := id() + " " + id() + " " + id()
			wait := time.Duration(max(0, rnd.IntN(6)-3)) * time.Minute
			op := []quotaOp{
				takes(ids), takes(ids), holds(id()), spends(id()), returns(id()), refills(rnd.Int64N(9), rnd.Int64N(3)), closes("85085", wait),
				refused(id(), rnd.IntN(3) > 0), explains(Ask{}),
			}[rnd.IntN(9)]
			if rnd.IntN(30) == 0 {
				op = opens
			}
			return "quota", op(quota) + "; " + stands(quota)
		},
		func() (string, string) {
			ask := Ask{Pool: []string{"bulk", "hot", "new"}[rnd.IntN(3)], Shares: map[string]int64{"hot": rnd.Int64N(12), "new": rnd.Int64N(5)}}
			switch rnd.IntN(3) {
			case 0:
				ask.PerDay = rnd.Int64N(9)
			case 1:
				ask.Cap, ask.CapPercent = rnd.Int64N(40), rnd.Int64N(20)
			}
			ids := id() + " " + id() + " " + id()
			op := []quotaOp{
				takesAs(ask, ids), takesAs(ask, ids), spends(id()), returns(id()), refills(5+rnd.Int64N(20), rnd.Int64N(3)), explains(ask),
				setsShares(map[string]int64{"hot": rnd.Int64N(9), "old": rnd.Int64N(3)}),
			}[rnd.IntN(7)]
			return "books", op(shared) + "; " + books(shared)
		},
		func() (string, string) {
			l := NewLease(rdb, "x", fmt.Sprint("holder", rnd.IntN(3)), 5*time.Second)
			switch rnd.IntN(4) {
			case 0:
				return "release", said(l.Release(ctx))
			case 1:
				ok, err := l.Renew(ctx)
				return "renew", fmt.Sprint(ok, err)
			case 2:
				who, until, err := l.Holder(ctx)
				return "holder", fmt.Sprint(who, since(until), err)
			default:
				h, ok, err := l.Acquire(ctx)
				return "acquire", fmt.Sprint(ok, since(time.UnixMicro(h.Fence)), since(h.Until), err)
			}
		},
	}
	var lines []string
	for range 900 {
		what, came := acts[[]int{0, 1, 2, 2, 3, 3, 4}[rnd.IntN(7)]]()
		lines = append(lines, what+": "+came)
	}
	return lines
}

// slowness is a throttle's rate in force.
func slowness(t *testing.T, th *Throttle) string {
	s, err := th.State(t.Context())
	return fmt.Sprint(s.Factor, s.Step, err)
}
