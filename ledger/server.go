package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
)

// ServerError says that a Redis server is set up in a way that would lose
// targets or refuse writes.
type ServerError struct {
	// Server is the address that was asked; "" if it is not known.
	Server string
	// Setting and Value are what is wrong, in Redis's words; Want is what it should be.
	Setting, Value, Want string
	// Hint is what to do.
	Hint string
}

func (e *ServerError) Error() string {
	at := "redis"
	if e.Server != "" {
		at += " " + e.Server
	}
	return fmt.Sprintf("%s: %s is %q, the ledger needs %q: %s", at, e.Setting, e.Value, e.Want, e.Hint)
}

// CheckServer refuses a Redis that would evict the ledger's keys or can't be
// written, with a *ServerError. It asks each master of a cluster. The embedded
// miniredis knows none of this: don't ask it.
func CheckServer(ctx context.Context, rdb redis.UniversalClient) error {
	c, ok := rdb.(*redis.ClusterClient)
	if !ok {
		addr := ""
		if one, ok := rdb.(*redis.Client); ok {
			addr = one.Options().Addr
		}
		return checkServer(ctx, rdb, addr)
	}
	err := c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		return checkServer(ctx, node, node.Options().Addr)
	})
	var unfit *ServerError
	if errors.As(err, &unfit) {
		return unfit
	}
	return db.Failed(err, "check the masters of the Redis cluster")
}

func checkServer(ctx context.Context, rdb redis.Cmdable, addr string) error {
	text, err := rdb.Info(ctx).Result()
	if err != nil {
		return db.Failed(err, "check the settings of redis %s", addr)
	}
	info := parseInfo(text)
	if role := info["role"]; role != "" && role != "master" {
		return &ServerError{
			Server: addr, Setting: "role", Value: role, Want: "master",
			Hint: "connect to the primary, or through Sentinel",
		}
	}
	policy := info["maxmemory_policy"]
	if policy == "" { // a compatible server that leaves it out of INFO
		list, err := rdb.ConfigGet(ctx, "maxmemory-policy").Result()
		if err != nil {
			return db.Failed(err, "read maxmemory-policy of redis %s", addr)
		}
		policy = list["maxmemory-policy"]
	}
	if policy != "noeviction" {
		return &ServerError{
			Server: addr, Setting: "maxmemory-policy", Value: policy, Want: "noeviction",
			Hint: "set it in redis.conf or in your provider's settings; with any other, Redis deletes targets when memory runs short",
		}
	}
	return nil
}

// parseInfo reads the answer to INFO.
func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if key, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[key] = v
		}
	}
	return info
}
