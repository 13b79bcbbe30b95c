package redistest_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// stamp writes TIME in microseconds and the number of its arguments, and
// keeps the key for ARGV[1] ms.
var stamp = redis.NewScript(`local t = redis.call("TIME")
local v = string.format("%.0f %d", t[1] * 1000000 + t[2], #ARGV)
redis.call("SET", KEYS[1], v, "PX", ARGV[1])
return v`)

func TestBoth(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		start := rdb.Time(ctx).Val()
		want := func(after time.Duration) string {
			return fmt.Sprintf("%d 2", start.Add(after).UnixMicro())
		}
		run := func(key string) string {
			t.Helper()
			got, err := stamp.Run(ctx, rdb, []string{key}, 60000, "x").Text()
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		steps := []struct {
			name    string
			advance time.Duration
			key     string
			at      time.Duration
			left    []string
		}{
			{"first", 0, "a", 0, []string{"a"}},
			{"same instant", 0, "a", 0, []string{"a"}},
			{"microseconds", 1234567 * time.Microsecond, "b", 1234567 * time.Microsecond, []string{"a", "b"}},
			{"the first two end", time.Minute, "c", time.Minute + 1234567*time.Microsecond, []string{"c"}},
		}
		for _, tc := range steps {
			advance(tc.advance)
			if got := run(tc.key); got != want(tc.at) {
				t.Errorf("%s: script saw %s, want %s", tc.name, got, want(tc.at))
			}
			var left []string
			for _, k := range []string{"a", "b", "c"} {
				if rdb.Exists(ctx, k).Val() == 1 {
					left = append(left, k)
				}
			}
			if diff := cmp.Diff(tc.left, left); diff != "" {
				t.Errorf("%s: keys (-want +got):\n%s", tc.name, diff)
			}
		}
		if got, want := rdb.Time(ctx).Val(), start.Add(time.Minute+1234567*time.Microsecond); !got.Equal(want) {
			t.Errorf("TIME = %v, want %v", got, want)
		}
	})
}

// A script loaded beforehand and one inside a pipeline see virtual time too.
func TestBothLoadAndPipeline(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		if err := stamp.Load(ctx, rdb).Err(); err != nil {
			t.Fatal(err)
		}
		advance(time.Hour)
		want := fmt.Sprintf("%d 2", rdb.Time(ctx).Val().UnixMicro())
		got, err := stamp.EvalSha(ctx, rdb, []string{"a"}, 60000, "x").Text()
		if err != nil || got != want {
			t.Errorf("loaded script: %s, %v; want %s", got, err, want)
		}
		for name, pipe := range map[string]redis.Pipeliner{"pipeline": rdb.Pipeline(), "transaction": rdb.TxPipeline()} {
			cmd := stamp.Eval(ctx, pipe, []string{"b"}, 60000, "x")
			now := pipe.Time(ctx)
			if _, err := pipe.Exec(ctx); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got, err := cmd.Text(); err != nil || got != want {
				t.Errorf("%s: script saw %s, %v; want %s", name, got, err, want)
			}
			if got := fmt.Sprintf("%d 2", now.Val().UnixMicro()); got != want {
				t.Errorf("%s: TIME = %s, want %s", name, got, want)
			}
		}
	})
}

// An error raised inside a script, or a key of the wrong type, comes through.
func TestBothErrors(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		bad := redis.NewScript(`return redis.error_reply("WXTEST refused")`)
		err := bad.Run(t.Context(), rdb, []string{"a"}).Err()
		if !redis.HasErrorPrefix(err, "WXTEST refused") {
			t.Errorf("err = %v, want the script's own", err)
		}
		if err := rdb.Get(t.Context(), "a").Err(); !errors.Is(err, redis.Nil) {
			t.Errorf("get = %v, want redis.Nil", err)
		}
	})
}
