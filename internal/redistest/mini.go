package redistest

import (
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// miniClocks remembers the time each miniredis was last set to, because
// miniredis's time can be set but not read.
var miniClocks sync.Map // *miniredis.Miniredis -> time.Time

// Mini starts an embedded miniredis whose clock stands still, and a client of
// it; both end with t. Move its time with [Advance] only.
func Mini(t testing.TB) (*miniredis.Miniredis, *redis.Client) {
	t.Helper()
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		t.Fatalf("start miniredis: %v", err)
	}
	start := time.Now().UTC().Truncate(time.Second)
	m.SetTime(start)
	miniClocks.Store(m, start)
	rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() {
		closeClient(t, rdb)
		m.Close()
		miniClocks.Delete(m)
	})
	return m, rdb
}

// Advance moves both halves of a miniredis's time by d: what TIME answers
// and how long keys have left to live. miniredis's own SetTime and
// FastForward each move only one of them.
func Advance(m *miniredis.Miniredis, d time.Duration) {
	now := Now(m).Add(d)
	m.SetTime(now)
	m.FastForward(d)
	miniClocks.Store(m, now)
}

// Now is the time that a miniredis from [Mini] answers to TIME.
func Now(m *miniredis.Miniredis) time.Time {
	v, ok := miniClocks.Load(m)
	if !ok {
		panic("redistest: this miniredis does not come from Mini")
	}
	return v.(time.Time)
}
