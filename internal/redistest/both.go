package redistest

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Both runs fn twice, as parallel subtests: on a miniredis and on a real
// server. It is how every Lua script is tested: same table, same answers.
//
// advance moves virtual time on both: what TIME answers, inside a script or
// asked directly, and what keys have left to live. Between two advances TIME
// stands still. On the real server this is done by the client handed to fn
// (see [Server.Virtual]), so fn must not reach the server by another one;
// and keys there also age in real time, so a time to live should exceed the
// few milliseconds the test takes. fn must not call t.Parallel.
func Both(t *testing.T, fn func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration))) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		m, rdb := Mini(t)
		fn(t, rdb, func(d time.Duration) { Advance(m, d) })
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		rdb, advance := Start(t).Virtual(t)
		fn(t, rdb, advance)
	})
}
