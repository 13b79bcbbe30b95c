package redisdb_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
	"github.com/wxrollout/wxrollout/internal/redistest"
)

// TestWrongTypesAreNamed: Redis doesn't name the key of a WRONGTYPE error, in a script not even the command.
func TestWrongTypesAreNamed(t *testing.T) {
	t.Parallel()
	ctx, rdb := t.Context(), redistest.Start(t).Client(t)
	redisdb.NameKeys(rdb)
	for key, value := range map[string]string{"wxr:{ledger}:names": "garbage", "wxr:{ledger}:schema": "1", "other": "x"} {
		if err := rdb.Set(ctx, key, value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := rdb.HSet(ctx, "wxr:{ledger}:r:spring", "status", "done").Err(); err != nil {
		t.Fatal(err)
	}
	_, piped := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.HGetAll(ctx, "wxr:{ledger}:r:spring")
		p.HGetAll(ctx, "wxr:{ledger}:names")
		return nil
	})
	script := redis.NewScript("return redis.call('HGET', KEYS[1] .. 'names', 'spring')")
	for name, err := range map[string]error{
		"command":  rdb.HGet(ctx, "wxr:{ledger}:names", "spring").Err(),
		"pipeline": piped,
		"script":   script.Run(ctx, rdb, []string{"wxr:{ledger}:"}).Err(),
	} {
		if !redis.HasErrorPrefix(err, "WRONGTYPE") || !strings.Contains(err.Error(), "wxr:{ledger}:names") || !strings.Contains(err.Error(), "RENAME") {
			t.Errorf("%s: %v, want the key and what to do", name, err)
		}
	}
	list, err := redisdb.FindMisplaced(ctx, rdb)
	if err != nil || len(list) != 1 || list[0].String() != "wxr:{ledger}:names is a string, want a hash" {
		t.Errorf("%v %v, want the one key", list, err)
	}
	if err := rdb.HGet(ctx, "absent", "x").Err(); err != redis.Nil { //nolint:errorlint // it must stay itself
		t.Errorf("an absent key: %v", err)
	}
}
