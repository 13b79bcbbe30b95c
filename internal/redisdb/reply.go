package redisdb

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Reply is a script's answer: integers and strings at agreed places. Its first error sticks, and
// values read after it may be zero.
type Reply struct {
	vals []any
	err  error
}

// Run runs a script and takes its answer of exactly n values.
func Run(ctx context.Context, rdb redis.Scripter, s *redis.Script, n int, keys []string, args ...any) *Reply {
	vals, err := s.Run(ctx, rdb, keys, args...).Slice()
	if err == nil && len(vals) != n {
		err = fmt.Errorf("script answered %d values instead of %d", len(vals), n)
	}
	if err != nil {
		vals = make([]any, n)
	}
	return &Reply{vals, err}
}

// Err is the first error, after what was attempted; nil if there is none.
func (r *Reply) Err(format string, args ...any) error {
	if r.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), r.err)
}

// Int is value i as a number.
func (r *Reply) Int(i int) int64 {
	n, ok := r.vals[i].(int64)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("script's value %d is a %T instead of an integer", i, r.vals[i])
	}
	return n
}

// Str is value i as a string.
func (r *Reply) Str(i int) string {
	s, ok := r.vals[i].(string)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("script's value %d is a %T instead of a string", i, r.vals[i])
	}
	return s
}

// Number is value i, an integer in a string.
func (r *Reply) Number(i int) int64 {
	n, err := strconv.ParseInt(r.Str(i), 10, 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("script's value %d: %w", i, err)
	}
	return n
}

// Table is value i, a list, cut into rows of n values.
func (r *Reply) Table(i, n int) (rows []*Reply) {
	list, ok := r.vals[i].([]any)
	if (!ok || len(list)%n != 0) && r.err == nil {
		r.err = fmt.Errorf("script's value %d is a %T instead of rows of %d", i, r.vals[i], n)
		return nil
	}
	for row := range slices.Chunk(list, n) {
		rows = append(rows, &Reply{vals: row})
	}
	return rows
}

// Fault takes on a row's error.
func (r *Reply) Fault(row *Reply) {
	if r.err == nil {
		r.err = row.err
	}
}

// Flag is value i, 0 or 1, as a truth.
func (r *Reply) Flag(i int) bool { return r.Int(i) != 0 }

// Micros is value i, in µs, as a duration.
func (r *Reply) Micros(i int) time.Duration {
	return time.Duration(r.Int(i)) * time.Microsecond
}

// Millis is value i, in ms since 1970, as a time in UTC; 0 is the zero time.
func (r *Reply) Millis(i int) time.Time {
	n := r.Int(i)
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}
