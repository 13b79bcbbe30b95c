package ledger_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout/rollouttest"
)

// TestStore runs the suite of every rollout.Store on miniredis and on Redis.
func TestStore(t *testing.T) {
	t.Parallel()
	redistest.Both(t, runStore)
}

func runStore(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
	rollouttest.RunStore(t, func(t *testing.T) (rollouttest.Store, func(time.Duration)) {
		if err := rdb.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return store{ledger.New(rdb, ledger.Options{OwnerRetry: rollouttest.OwnerRetry})}, advance
	})
}
