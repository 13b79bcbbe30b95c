package ratelimit

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// jobs are what a helper process can do.
var jobs = map[string]func(ctx context.Context, rdb *redis.Client, name string) error{}
