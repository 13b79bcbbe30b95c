package redisserver

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// UnfitError lists the reasons against a server.
type UnfitError struct{ Faults []Fault }

func (e *UnfitError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Check returns an *UnfitError if the facts of the server, or of a master of the cluster, exclude it: too
// old, a replica, evicting, or unknown without an operator's word. The embedded miniredis has none of
// these facts: don't check it.
func Check(ctx context.Context, rdb redis.UniversalClient, accepted Accepted) error {
	servers, err := Read(ctx, rdb)
	if err != nil {
		return err
	}
	var faults []Fault
	for _, f := range servers {
		faults = append(faults, f.Faults(accepted)...)
	}
	return unfit(faults)
}

// unfit is nil without faults.
func unfit(faults []Fault) error {
	if len(faults) == 0 {
		return nil
	}
	return &UnfitError{Faults: faults}
}

// collected gathers facts of several servers at once.
type collected struct {
	mu    sync.Mutex
	facts []Facts
}

func (c *collected) add(ctx context.Context, rdb redis.UniversalClient, addr string) error {
	f, err := readServer(ctx, rdb, addr)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.facts = append(c.facts, f)
	return nil
}

func (c *collected) sorted() []Facts {
	slices.SortFunc(c.facts, func(a, b Facts) int { return cmp.Compare(a.Addr, b.Addr) })
	return c.facts
}
