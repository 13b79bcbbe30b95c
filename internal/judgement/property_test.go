package judgement

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// play plays a world from its begin to its end, and returns the rule that was broken, or "".
func play(ctx context.Context, d draw, rdb redis.UniversalClient, advance func(time.Duration), m mutant) (broken string) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case breach:
			broken = p.text
		default:
			panic(p)
		}
	}()
	w := newWorld(ctx, d, rdb, advance, m)
	if w.oneIn(2) {
		w.upgrade()
		w.some(5)
		w.hotfix()
	} else {
		w.apply()
		w.apply()
	}
	w.some(w.between(20, 70))
	w.finish()
	return ""
}

// TestJudgement holds that in any world
//   - no attempt gets two submissions accepted, and each had a permit,
//   - no pool reaches into what another one is still sure of, as far as the last reading shows,
//   - no pool passes its cap of the month or the day,
//   - no app is moved to an older version than a rollout created later has released,
//   - an app has one call in flight at most, also by the quota loops,
//   - nothing fails while no app gets an answer, and 15 minutes later nothing waits for that any more,
//   - no wait or lease grows when the clock of Redis steps back,
//
// and when faults stop, within a bounded time and again after WeChat raised the quota and in a new
// month, that
//   - a target waits to be submitted only if no unit is free for it, and the numbers that people
//     are reported are WeChat's,
//   - no call of unknown outcome is left unread, and no unit stays charged for one that is denied,
//   - a target waits for its app only if another rollout works on it from which it may not take
//     it,
//   - every other wait has a cause that the model confirms,
//   - each target is in exactly one state: the ledger's inspection is clean.
//
// rapid prints the seed and the shortest sequence that fails.
func TestJudgement(t *testing.T) {
	t.Parallel()
	rdb, advance := redistest.Start(t).Virtual(t)
	rapid.Check(t, func(r *rapid.T) {
		if broken := play(t.Context(), byRapid{r}, rdb, advance, mutant{}); broken != "" {
			r.Fatal(broken)
		}
	})
}
