package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/internal/redisdb"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestEveryKeyHasItsType: the table of types agrees with the keys that a rollout makes, and check names
// each key that another program made something else.
func TestEveryKeyHasItsType(t *testing.T) {
	t.Parallel()
	const apps = 5
	f := newFleet(t, wxsim.Options{Seed: 3, Apps: apps})
	a := f.worker(t)
	f.released(t, f.apply(t, apps, ""), apps)
	stop(t, a)
	ctx, rdb := t.Context(), f.redis.Client(t)
	if list, err := redisdb.FindMisplaced(ctx, rdb); err != nil || len(list) > 0 {
		t.Fatalf("%v %v, want none", list, err)
	}
	tools, done, err := app.Open(ctx, f.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = done() })
	keys, err := rdb.Keys(ctx, "wxr*").Result()
	if err != nil || len(keys) < 20 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if strings.Contains(key, ":callback:") || strings.HasSuffix(key, ":schema") || (strings.Contains(key, ":app:") && key != keys[len(keys)-1]) {
			continue // strings, and many of one kind
		}
		if err := rdb.Rename(ctx, key, "elsewhere").Err(); err != nil {
			continue // it expired
		}
		if err := rdb.Set(ctx, key, "garbage", 0).Err(); err != nil {
			t.Fatal(err)
		}
		results := tools.Doctor.Check(ctx, "")
		i := slices.IndexFunc(results, func(r doctor.Result) bool { return r.Name == "redis keys" })
		if i < 0 || results[i].Level != doctor.LevelFail || !strings.HasPrefix(results[i].Detail, key+" is a string") {
			t.Errorf("%s: %+v", key, results)
		}
		if deep, err := tools.Doctor.DeepCheck(ctx, doctor.DeepOptions{}); err != nil || deep.Faults[doctor.FaultKey] != 1 {
			t.Errorf("%s: %+v %v", key, deep, err)
		}
		if err := rdb.Rename(ctx, "elsewhere", key).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
