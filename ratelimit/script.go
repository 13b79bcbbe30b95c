package ratelimit

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed *.lua
var sources embed.FS

// script joins embedded files into one script: shared heads first, then the
// operation. A missing file is a fault of the build, found at start.
func script(files ...string) *redis.Script {
	var src strings.Builder
	for _, f := range files {
		b, err := sources.ReadFile(f)
		if err != nil {
			panic(fmt.Sprintf("ratelimit: embedded script: %v", err))
		}
		src.Write(b)
	}
	return redis.NewScript(src.String())
}

// reply is a script's answer: integers and strings at agreed places. The
// first one that is not what was agreed is remembered in err.
type reply struct {
	vals []any
	err  error
}

// run runs s and takes its answer of exactly n values.
func run(ctx context.Context, rdb redis.Scripter, s *redis.Script, n int, keys []string, args ...any) (*reply, error) {
	vals, err := s.Run(ctx, rdb, keys, args...).Slice()
	if err != nil {
		return nil, err
	}
	if len(vals) != n {
		return nil, fmt.Errorf("script answered %d values instead of %d", len(vals), n)
	}
	return &reply{vals: vals}, nil
}

// int is value i as a number.
func (r *reply) int(i int) int64 {
	n, ok := r.vals[i].(int64)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("script's value %d is a %T instead of an integer", i, r.vals[i])
	}
	return n
}

// str is value i as a string.
func (r *reply) str(i int) string {
	s, ok := r.vals[i].(string)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("script's value %d is a %T instead of a string", i, r.vals[i])
	}
	return s
}

// flag is value i, 0 or 1, as a truth.
func (r *reply) flag(i int) bool { return r.int(i) != 0 }

// micros is value i, in µs, as a duration.
func (r *reply) micros(i int) time.Duration {
	return time.Duration(r.int(i)) * time.Microsecond
}

// millis is value i, in ms since 1970, as a time in UTC; 0 is the zero time.
func (r *reply) millis(i int) time.Time {
	n := r.int(i)
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// ceil is d in whole units, rounded up.
func ceil(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }
