package registry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// callbackMemory is how long refused callbacks are remembered after the last one.
const callbackMemory = 7 * 24 * time.Hour

// Refusal counts the callbacks that workers refused for one reason.
type Refusal struct {
	// Reason is one of the callback handler's.
	Reason string
	// Count is their number since the reason came up; it is forgotten a week after the last one.
	Count int64
	// Last is when the last one arrived, and Path its URL path.
	Last time.Time
	Path string
}

// Refusals remembers refused callbacks, for every process that receives or explains them.
type Refusals struct {
	rdb       redis.UniversalClient
	component string
}

// NewRefusals returns the Refusals of one component.
func NewRefusals(rdb redis.UniversalClient, component string) *Refusals {
	return &Refusals{rdb: rdb, component: component}
}

// Add counts more callbacks of a reason.
func (r *Refusals) Add(ctx context.Context, more Refusal) error {
	key := refusalsKey(r.component)
	_, err := r.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HIncrBy(ctx, key, more.Reason+":count", more.Count)
		p.HSet(ctx, key, more.Reason+":last", more.Last.UnixMilli(), more.Reason+":path", more.Path)
		p.PExpire(ctx, key, callbackMemory)
		return nil
	})
	if err != nil {
		return fmt.Errorf("count refused callbacks: %w", err)
	}
	return nil
}

// List returns one Refusal for each reason, the most recent first.
func (r *Refusals) List(ctx context.Context) ([]Refusal, error) {
	all, err := r.rdb.HGetAll(ctx, refusalsKey(r.component)).Result()
	if err != nil {
		return nil, fmt.Errorf("read refused callbacks: %w", err)
	}
	var out []Refusal
	for field, text := range all {
		reason, ok := strings.CutSuffix(field, ":count")
		if !ok {
			continue
		}
		count, _ := strconv.ParseInt(text, 10, 64)
		last, _ := strconv.ParseInt(all[reason+":last"], 10, 64)
		out = append(out, Refusal{Reason: reason, Count: count, Last: time.UnixMilli(last), Path: all[reason+":path"]})
	}
	slices.SortFunc(out, func(a, b Refusal) int {
		if c := b.Last.Compare(a.Last); c != 0 {
			return c
		}
		return strings.Compare(a.Reason, b.Reason)
	})
	return out, nil
}
