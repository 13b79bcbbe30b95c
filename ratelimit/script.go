package ratelimit

import (
	"embed"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

//go:embed *.lua
var sources embed.FS

func script(files ...string) *redis.Script { return redisdb.Script("", sources, files...) }

// ceil is d in whole units, rounded up.
func ceil(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }
