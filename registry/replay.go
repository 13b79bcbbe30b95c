package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Replay remembers the pushes that were handed on, for every process that receives them.
// It fits the port of wxclient/callback.
type Replay struct {
	rdb       redis.UniversalClient
	component string
}

// NewReplay returns a Replay for one component.
func NewReplay(rdb redis.UniversalClient, component string) *Replay {
	return &Replay{rdb: rdb, component: component}
}

// Seen remembers a push for ttl and reports whether it was remembered already.
func (r *Replay) Seen(ctx context.Context, push string, ttl time.Duration) (bool, error) {
	set, err := r.rdb.SetNX(ctx, replayKey(r.component, push), 1, ttl).Result()
	if err != nil {
		return false, fmt.Errorf("remember a push: %w", err)
	}
	return !set, nil
}

// Forget lets a push through again, after handing it on did not work.
func (r *Replay) Forget(ctx context.Context, push string) error {
	if err := r.rdb.Del(ctx, replayKey(r.component, push)).Err(); err != nil {
		return fmt.Errorf("forget a push: %w", err)
	}
	return nil
}
