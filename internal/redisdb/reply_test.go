package redisdb_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
	"github.com/wxrollout/wxrollout/internal/redistest"
)

// An answer that is not what was agreed is an error, not a panic.
func TestReply(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		src  string
		read func(*redisdb.Reply)
		want string
	}{
		{"string for a number", `return {"x"}`, func(r *redisdb.Reply) { r.Int(0) }, "try: script's value 0 is a string instead of an integer"},
		{"number for a string", `return {1}`, func(r *redisdb.Reply) { r.Str(0) }, "try: script's value 0 is a int64 instead of a string"},
		{"the first fault counts", `return {"x"}`, func(r *redisdb.Reply) { r.Int(0); r.Millis(0); r.Micros(0) }, "try: script's value 0 is a string instead of an integer"},
		{"too few", `return {}`, nil, "try: script answered 0 values instead of 1"},
		{"not a list", `return 1`, nil, "try: redis: unexpected type=int64 for Slice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, rdb := redistest.Mini(t)
			r := redisdb.Run(t.Context(), rdb, redis.NewScript(tc.src), 1, nil)
			if tc.read != nil {
				tc.read(r)
			}
			if err := r.Err("try"); err == nil || err.Error() != tc.want {
				t.Errorf("err = %v, want %s", err, tc.want)
			}
		})
	}
}
