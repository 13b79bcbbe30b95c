package redisserver

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

//go:embed probe.lua
var files embed.FS

var probeScript = redisdb.Script("", files, "probe.lua")

const (
	probeRoot    = "wxr:{ledger}:probe:" // on the node of a cluster that holds the ledger
	probeChannel = "asynq:{probe}"       // Asynq cancels and notifies through channels
	probeTTL     = time.Minute
)

// scriptHints is what to do if a server refuses a script as such, by a part of its error.
var scriptHints = []struct{ part, next string }{
	{"bad lua script for redis cluster", "set script_check_enable to 0 in your provider's console: the scripts make their keys from one root key, all in one slot"},
	{"undeclared key", "start Dragonfly with --default_lua_flags=allow-undeclared-keys, or use " + supported()},
	{"unknown command", "the server has no scripts, or forbids them: use " + supported()},
	{"can't run this command", "let the Redis user run it: docs/redis.md has the rule that suffices"},
	{"NOPERM", "let the Redis user run it: docs/redis.md has the rule that suffices"},
	{"ACL failure", "let the Redis user run it: docs/redis.md has the rule that suffices"}, // Valkey
	{"MISCONF", "Redis cannot write its snapshot or append-only file: read its log, and free its disk"},
	{"OOM", "raise maxmemory or free memory"},
	{"READONLY", "connect to the primary, or through Sentinel"},
	{"NOREPLICAS", "fewer replicas are connected than min-replicas-to-write: bring them back"},
}

// spaces are the key spaces of the product, each with a key of the probe: the ledger and the registry, the
// limiters, Asynq.
var spaces = []struct{ pattern, key string }{
	{"wxr:*", probeRoot + "write"}, {"wxrollout:*", "wxrollout:{probe}"}, {"asynq:*", probeChannel},
}

// Writable writes a key in each key space and deletes it. It returns an *UnfitError if the server refuses
// some: it is full or read-only, cannot write its files, misses replicas, or the user may not write there.
func Writable(ctx context.Context, rdb redis.UniversalClient, addr string) error {
	var refused []string
	var cause error
	for _, space := range spaces {
		err := rdb.Set(ctx, space.key, 1, probeTTL).Err()
		if err == nil {
			err = rdb.Del(ctx, space.key).Err()
		}
		if err != nil && !isRefusal(err) {
			return fmt.Errorf("write to %s: %w", addr, err)
		}
		if err != nil {
			refused, cause = append(refused, space.pattern), err
		}
	}
	if cause == nil {
		return nil
	}
	return unfit([]Fault{{Server: addr, What: fmt.Sprintf("writes to %s are refused (%v)", strings.Join(refused, ", "), cause), Next: nextOf(cause.Error())}})
}

// Probe writes in each key space, runs each command of the product's scripts once, on separate keys that it removes, and returns an
// *UnfitError if the server refuses some: one fault for each remedy. addr names the server in it.
func Probe(ctx context.Context, rdb redis.UniversalClient, addr string) error {
	var faults []Fault
	if err := Writable(ctx, rdb, addr); err != nil {
		refused := (*UnfitError)(nil)
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "NOPERM") {
			return err // no command of a script would write either
		}
		faults = refused.Faults
	}
	reply, err := probeScript.Run(ctx, rdb, []string{probeRoot}, probeTTL.Milliseconds()).StringSlice()
	if isRefusal(err) {
		return unfit(append(faults, Fault{Server: addr, What: fmt.Sprintf("scripts are refused (%v)", err), Next: nextOf(err.Error())}))
	}
	if err != nil {
		return fmt.Errorf("probe %s: %w", addr, err)
	}
	faults = append(faults, refusedCommands(addr, reply)...)
	if err := rdb.Publish(ctx, probeChannel, "").Err(); isRefusal(err) {
		faults = append(faults, Fault{Server: addr, What: fmt.Sprintf("PUBLISH on Asynq's channels is refused (%v)", err), Next: nextOf(err.Error())})
	} else if err != nil {
		return fmt.Errorf("probe %s: %w", addr, err)
	}
	return unfit(faults)
}

// refusedCommands makes one fault for each remedy of the script's pairs of command and error.
func refusedCommands(addr string, pairs []string) []Fault {
	var faults []Fault
	index := make(map[string]int)
	for i := 0; i+1 < len(pairs); i += 2 {
		next := nextOf(pairs[i+1])
		at, ok := index[next]
		if !ok {
			at = len(faults)
			index[next] = at
			faults = append(faults, Fault{Server: addr, What: "scripts cannot run " + pairs[i], Next: next})
			continue
		}
		faults[at].What += ", " + pairs[i]
	}
	return faults
}

// isRefusal reports whether the server answered with an error, unlike a broken connection.
func isRefusal(err error) bool {
	_, refused := err.(redis.Error)    //nolint:errorlint // the reply itself: a wrapped one is a broken connection
	return refused && err != redis.Nil //nolint:errorlint // as above
}

// nextOf is what to do about an error of a script or command.
func nextOf(cause string) string {
	for _, h := range scriptHints {
		if strings.Contains(strings.ToLower(cause), strings.ToLower(h.part)) {
			return h.next
		}
	}
	return cause
}
