package redisserver

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Facts describe one server. A fact that the server does not disclose is "".
type Facts struct {
	// Addr is the host and port.
	Addr string
	// Product is what answers: redis, valkey, redict, dragonfly and the like.
	Product string
	// Version is the product's own version, such as 7.2.4.
	Version string
	// Role is master or slave.
	Role string
	// RunID changes with each start of the server.
	RunID string
	// Eviction is maxmemory-policy.
	Eviction string
	// AppendOnly is 1 if the server keeps an append-only file, otherwise 0.
	AppendOnly string
	// AppendOnlyBroken reports that the server cannot write that file.
	AppendOnlyBroken bool
}

// Read returns the facts of a server, or of each master of a cluster. Its errors are those of the
// connection: a refused INFO, ROLE or CONFIG leaves facts empty.
func Read(ctx context.Context, rdb redis.UniversalClient) ([]Facts, error) {
	switch c := rdb.(type) {
	case *redis.ClusterClient:
		var each collected
		err := c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			return each.add(ctx, node, node.Options().Addr)
		})
		return each.sorted(), err
	case *redis.Client:
		var one collected
		err := one.add(ctx, c, address(c))
		return one.facts, err
	default:
		var one collected
		err := one.add(ctx, rdb, "")
		return one.facts, err
	}
}

// address names a server. A client of Sentinel has no fixed one.
func address(c *redis.Client) string {
	if addr := c.Options().Addr; addr != "FailoverClient" {
		return addr
	}
	return "primary of Sentinel"
}

// readServer asks one server.
func readServer(ctx context.Context, rdb redis.UniversalClient, addr string) (Facts, error) {
	f := Facts{Addr: addr}
	if err := rdb.Ping(ctx).Err(); err != nil {
		return f, err
	}
	info := parseInfo(rdb.Info(ctx).Val())
	f.Product, f.Version = product(info)
	f.Role, f.RunID, f.Eviction, f.AppendOnly = info["role"], info["run_id"], info["maxmemory_policy"], info["aof_enabled"]
	f.AppendOnlyBroken = info["aof_last_write_status"] == "err" || info["aof_last_bgrewrite_status"] == "err"
	if f.Role == "" {
		if reply, err := rdb.Do(ctx, "ROLE").Slice(); err == nil && len(reply) > 0 {
			f.Role, _ = reply[0].(string)
		}
	}
	if f.Eviction == "" {
		f.Eviction = rdb.ConfigGet(ctx, "maxmemory-policy").Val()["maxmemory-policy"]
	}
	if f.AppendOnly == "" {
		f.AppendOnly = map[string]string{"yes": "1", "no": "0"}[rdb.ConfigGet(ctx, "appendonly").Val()["appendonly"]]
	}
	return f, ctx.Err()
}

// compatible are the products that disclose their own version in INFO, by that field. All of them also
// send a redis_version, which says what they imitate.
var compatible = []struct{ field, product string }{
	{"valkey_version", "valkey"},
	{"redict_version", "redict"},
	{"dragonfly_version", "dragonfly"},
	{"kvrocks_version", "kvrocks"},
	{"garnet_version", "garnet"},
	{"pika_version", "pika"},
	{"tendis_version", "tendis"},
}

// product names the server that answered INFO.
func product(info map[string]string) (name, version string) {
	for _, c := range compatible {
		if v := info[c.field]; v != "" {
			return c.product, strings.TrimLeft(v, "vdf-")
		}
	}
	switch name := info["server_name"]; {
	case info["redis_version"] == "":
		return name, ""
	case strings.Contains(info["executable"], "keydb"):
		return "keydb", info["redis_version"]
	case name != "" && name != "redis":
		return name, info["redis_version"]
	default:
		return "redis", info["redis_version"]
	}
}

// parseInfo reads the reply to INFO.
func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if key, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[key] = v
		}
	}
	return info
}
