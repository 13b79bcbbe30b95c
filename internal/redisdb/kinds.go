package redisdb

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// kinds are the types of the product's keys, by the beginning and the end of their names; the first match
// counts. A test compares them with the keys of a rollout.
var kinds = []struct{ prefix, suffix, kind string }{
	{"wxr:{ledger}:schema", "", "string"},
	{"wxr:{ledger}:log:", "", "list"},
	{"wxr:{ledger}:ready:", "", "zset"},
	{"wxr:{ledger}:leases:", "", "zset"},
	{"wxr:{ledger}:wake", "", "zset"},
	{"wxr:{ledger}:workers", "", "zset"},
	{"wxr:{ledger}:loans", "", "zset"},
	{"wxr:{ledger}:rollouts", "", "zset"},
	{"wxr:{ledger}:active", "", "zset"},
	{"wxr:{ledger}:archives", "", "zset"},
	{"wxr:{ledger}:schedules", "", "zset"},
	{"wxr:{ledger}:probe:", "", ""}, // of every type
	{"wxr:{ledger}:", "", "hash"},
	{"wxr:{apps}:unread", "", "zset"},
	{"wxr:{apps}:new", "", "zset"},
	{"wxr:{apps}:batch", "", "set"},
	{"wxr:{apps}:log", "", "list"},
	{"wxr:{apps}:", "", "hash"},
	{"wxr:{registry}:", ":apps", "zset"},
	{"wxr:{registry}:", ":refused", "hash"},
	{"wxr:{registry}:", ":ticket", "hash"},
	{"wxr:{registry}:", ":ticket-ask", "hash"},
	{"wxr:{registry}:", ":token", "hash"},
	{"wxrollout:{quota:", ":permits", "zset"},
	{"wxrollout:{quota:", ":refused", "set"},
	{"wxrollout:{quota:", "", "hash"},
	{"wxrollout:{throttle:", "", "hash"},
	{"wxrollout:{lease:", "", "hash"},
}

// kindOf is the type that a key must have; "" if any will do.
func kindOf(key string) string {
	for _, k := range kinds {
		if strings.HasPrefix(key, k.prefix) && strings.HasSuffix(key, k.suffix) {
			return k.kind
		}
	}
	if strings.HasPrefix(key, "wxr:{registry}:") {
		_, rest, _ := strings.Cut(strings.TrimPrefix(key, "wxr:{registry}:"), ":")
		switch {
		case strings.HasPrefix(rest, "app:"):
			return "hash"
		case strings.HasPrefix(rest, "callback:"):
			return "string"
		}
	}
	return ""
}

// Misplaced is a key of the product that another program made something else.
type Misplaced struct {
	Key string
	// Have is its type, Want the type that the product gives it.
	Have, Want string
}

func (m Misplaced) String() string {
	return fmt.Sprintf("%s is a %s, want a %s", m.Key, m.Have, m.Want)
}

// Next is what to do about such a key.
const Next = "another program wrote it: restore it from a backup of Redis, or move it away with RENAME"

// FindMisplaced looks through all keys of the product. Cost: O(keys of the database), in steps.
func FindMisplaced(ctx context.Context, rdb redis.UniversalClient) ([]Misplaced, error) {
	if c, ok := rdb.(*redis.ClusterClient); ok {
		var out []Misplaced
		found := make(chan []Misplaced)
		done := make(chan struct{})
		go func() {
			for list := range found {
				out = append(out, list...)
			}
			close(done)
		}()
		err := c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			list, err := misplacedOn(ctx, node)
			found <- list
			return err
		})
		close(found)
		<-done
		return out, err
	}
	return misplacedOn(ctx, rdb)
}

// misplacedOn looks through the keys of one server.
func misplacedOn(ctx context.Context, rdb redis.Cmdable) ([]Misplaced, error) {
	var out []Misplaced
	for cursor := uint64(0); ; {
		keys, next, err := rdb.Scan(ctx, cursor, "wxr*", 1000).Result()
		if err != nil {
			return out, fmt.Errorf("list the keys: %w", err)
		}
		types := make([]*redis.StatusCmd, len(keys))
		if len(keys) > 0 {
			if _, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
				for i, key := range keys {
					types[i] = p.Type(ctx, key)
				}
				return nil
			}); err != nil {
				return out, fmt.Errorf("read the types of %d keys: %w", len(keys), err)
			}
		}
		for i, key := range keys {
			have, want := types[i].Val(), kindOf(key)
			if want != "" && have != want && have != "none" { // it may be gone meanwhile
				out = append(out, Misplaced{Key: key, Have: have, Want: want})
			}
		}
		if cursor = next; cursor == 0 {
			return out, nil
		}
	}
}
