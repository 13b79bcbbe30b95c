package judgement

import (
	"math/rand/v2"

	"pgregory.net/rapid"
)

// draw is where the world's choices come from: rapid, which shrinks a failure, or a seed.
type draw interface {
	// Below returns one of 0 to n-1, each as likely.
	Below(n int) int
	Logf(format string, args ...any)
}

// byRapid draws from a rapid check.
type byRapid struct{ *rapid.T }

// Below is made of single bits, because rapid prefers small numbers.
func (d byRapid) Below(n int) int { return bits.Draw(d.T, "draw") % n }

var bits = rapid.Custom(func(t *rapid.T) int {
	n := 0
	for range 14 {
		n *= 2
		if rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	return n
})

// bySeed draws from a seeded source, and keeps the log.
type bySeed struct {
	*rand.Rand
	logf func(format string, args ...any)
}

func (d bySeed) Below(n int) int                 { return d.IntN(n) }
func (d bySeed) Logf(format string, args ...any) { d.logf(format, args...) }

func seeded(seed uint64, logf func(string, ...any)) bySeed {
	return bySeed{rand.New(rand.NewPCG(seed, seed)), logf}
}

// pick draws one of a list that is not empty.
func pick[T any](w *world, from []T) T { return from[w.draw.Below(len(from))] }

// oneIn is true once in n times.
func (w *world) oneIn(n int) bool { return w.draw.Below(n) == 0 }

// between draws from lo to hi.
func (w *world) between(lo, hi int) int { return lo + w.draw.Below(hi-lo+1) }
