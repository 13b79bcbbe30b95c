package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Replay remembers the callbacks that were handled, for every process that receives them.
// It fits the port of wxclient/callback.
type Replay struct {
	rdb       redis.UniversalClient
	component string
}

// NewReplay returns a Replay for one component.
func NewReplay(rdb redis.UniversalClient, component string) *Replay {
	return &Replay{rdb: rdb, component: component}
}

// Seen remembers a callback for ttl and reports whether it was remembered already.
func (r *Replay) Seen(ctx context.Context, callback string, ttl time.Duration) (bool, error) {
	set, err := r.rdb.SetNX(ctx, replayKey(r.component, callback), 1, ttl).Result()
	if err != nil {
		return false, fmt.Errorf("remember a callback: %w", err)
	}
	return !set, nil
}

// Forget lets a callback through again, after handling it failed.
func (r *Replay) Forget(ctx context.Context, callback string) error {
	if err := r.rdb.Del(ctx, replayKey(r.component, callback)).Err(); err != nil {
		return fmt.Errorf("forget a callback: %w", err)
	}
	return nil
}
