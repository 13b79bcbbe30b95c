package classify

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout"
)

// least is a source of the smallest draws; 0 itself is drawn again for ever.
type least struct{}

func (least) Uint64() uint64 { return 1 }

// most is a source of the largest draws.
type most struct{}

func (most) Uint64() uint64 { return math.MaxUint64 }

// delay is the n-th delay of a backoff, drawn.
func delay(b Backoff, n int, rnd *rand.Rand) time.Duration {
	f := Facts{Waits: Waits{Busy: b}}
	return f.stalled("", n, rollout.LastError{}).Drawn(rnd.Int64N).(rollout.Stalled).For
}

// spread is a long wait, drawn.
func spread(d time.Duration, rnd *rand.Rand) time.Duration {
	return Facts{}.Wait("", d, rollout.LastError{}).Drawn(rnd.Int64N).(rollout.Waited).For
}

func TestBackoffBounds(t *testing.T) {
	t.Parallel()
	usual := Backoff{Base: 2 * time.Second, Cap: time.Minute}
	for _, tc := range []struct {
		name   string
		b      Backoff
		n      int
		lo, hi time.Duration
	}{
		{"first", usual, 0, time.Second, 4 * time.Second},
		{"second", usual, 1, time.Second, 8 * time.Second},
		{"fourth", usual, 3, time.Second, 32 * time.Second},
		{"capped", usual, 4, time.Second, time.Minute},
		{"far", usual, math.MaxInt, time.Second, time.Minute},
		{"shift overflows", Backoff{Base: math.MaxInt64 / 4, Cap: time.Hour}, 20, time.Second, time.Hour},
		{"cap below a second", Backoff{Base: time.Millisecond, Cap: 5 * time.Millisecond}, 9, time.Second, time.Second},
		{"no cap", Backoff{Base: time.Second}, 0, time.Second, time.Second},
		{"zero", Backoff{}, 3, time.Second, time.Second},
		{"part of a second", Backoff{Base: 700 * time.Millisecond, Cap: time.Minute}, 0, time.Second, 2 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := delay(tc.b, tc.n, rand.New(least{})); got != tc.lo {
				t.Errorf("smallest delay %s, want %s", got, tc.lo)
			}
			if got := delay(tc.b, tc.n, rand.New(most{})); got != tc.hi {
				t.Errorf("largest delay %s, want %s", got, tc.hi)
			}
		})
	}
}

// Delays are whole seconds within their bounds, the same for the same seed, and
// spread over the whole range: those that failed together don't come back together.
func TestBackoffSpreads(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		b := Backoff{
			Base: time.Duration(rapid.IntRange(1, 5000).Draw(rt, "base ms")) * time.Millisecond,
			Cap:  time.Duration(rapid.IntRange(1, 600).Draw(rt, "cap s")) * time.Second,
		}
		n := rapid.IntRange(0, 100).Draw(rt, "n")
		one, two := rand.New(rand.NewPCG(seed, seed)), rand.New(rand.NewPCG(seed, seed))
		longest := wholeSeconds(min(b.Cap, time.Duration(float64(2*b.Base)*math.Pow(2, float64(min(n, 20))))))
		seen := make(map[time.Duration]int)
		const draws = 2000
		for range draws {
			d := delay(b, n, one)
			if d < time.Second || d > longest || d%time.Second != 0 {
				rt.Fatalf("delay %s of %+v at %d, want whole seconds up to %s", d, b, n, longest)
			}
			if other := delay(b, n, two); other != d {
				rt.Fatalf("delays %s and %s of one seed", d, other)
			}
			seen[d]++
		}
		if longest < 10*time.Second {
			return
		}
		// An even spread has draws/seconds each; twice that would be a herd.
		seconds := int(longest / time.Second)
		for d, n := range seen {
			if n > 2*draws/seconds+20 {
				rt.Fatalf("%d of %d delays are %s out of %d s", n, draws, d, seconds)
			}
		}
		if len(seen) < seconds/2 {
			rt.Fatalf("only %d different delays out of %d s", len(seen), seconds)
		}
	})
}

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{1, 4, time.Second, 6 * time.Hour} {
		if got := spread(d, rand.New(least{})); got != d {
			t.Errorf("spread of %s is at least %s", d, got)
		}
		if got, want := spread(d, rand.New(most{})), d+d/5; got != want {
			t.Errorf("spread of %s is at most %s, want %s", d, got, want)
		}
	}
}

func TestWholeSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]time.Duration{
		-time.Hour: time.Second, 0: time.Second, 1: time.Second, time.Second: time.Second,
		time.Second + 1: 2 * time.Second, 61*time.Second - 1: 61 * time.Second,
	} {
		if got := wholeSeconds(d); got != want {
			t.Errorf("%d ns: %s, want %s", d, got, want)
		}
	}
}

func TestBackingOff(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{
		0: 2 * time.Minute, 1: 3 * time.Minute, 2: 4*time.Minute + 30*time.Second,
		6: 22*time.Minute + 46875*time.Millisecond, 7: 30 * time.Minute, 1000: 30 * time.Minute,
	} {
		if got := BackingOff(2*time.Minute, 30*time.Minute, n); got != want {
			t.Errorf("wait %d: %s, want %s", n, got, want)
		}
	}
	if got := BackingOff(time.Hour, time.Minute, 0); got != time.Minute {
		t.Errorf("a first wait above the largest: %s", got)
	}
}
