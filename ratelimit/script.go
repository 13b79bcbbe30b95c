package ratelimit

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/lua"
)

//go:embed *.lua
var sources embed.FS

func script(files ...string) *redis.Script { return lua.Script("", sources, files...) }

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

// number is value i, an integer in a string.
func (r *reply) number(i int) int64 {
	n, err := strconv.ParseInt(r.str(i), 10, 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("script's value %d: %w", i, err)
	}
	return n
}

// table is value i, a list, cut into rows of n values.
func (r *reply) table(i, n int) (rows []*reply) {
	list, ok := r.vals[i].([]any)
	if (!ok || len(list)%n != 0) && r.err == nil {
		r.err = fmt.Errorf("script's value %d is a %T instead of rows of %d", i, r.vals[i], n)
		return nil
	}
	for row := range slices.Chunk(list, n) {
		rows = append(rows, &reply{vals: row})
	}
	return rows
}

// fault takes on a row's error.
func (r *reply) fault(row *reply) {
	if r.err == nil {
		r.err = row.err
	}
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
