package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

// fenceMemory is how long the last fence is remembered after a lease lapsed.
// Within it, fences grow even if the server's clock is set back.
const fenceMemory = 24 * time.Hour

var (
	leaseAcquire = script("lease_acquire.lua")
	leaseRenew   = script("lease_renew.lua")
	leaseRelease = script("lease_release.lua")
	leaseHolder  = script("lease_holder.lua")
)

// Lease is the exclusive right to something until a deadline. A holder that
// dies loses it at the deadline. A holder that merely stalls loses it
// without noticing, so its writes must carry the fence, and the place it writes
// to must refuse a fence lower than the last. Lease is safe for concurrent
// use, but does not exclude goroutines that share a holder from each other.
type Lease struct {
	rdb    redis.Scripter
	name   string
	keys   []string
	holder string
	ttl    int64 // ms
}

// NewLease is holder's access to the lease called name. The holder must be
// unique to its owner, such as host, process and a random part: the same name
// again means the same owner. ttl is kept in whole ms, rounded up. It panics
// if the holder is empty or ttl is not positive.
func NewLease(rdb redis.Scripter, name, holder string, ttl time.Duration) *Lease {
	if holder == "" || ttl <= 0 {
		panic(fmt.Sprintf("ratelimit: lease %s: it needs a holder and a positive ttl, not %q and %v", name, holder, ttl))
	}
	return &Lease{rdb: rdb, name: name, keys: leaseKey(name), holder: holder, ttl: ceil(ttl, time.Millisecond)}
}

// Held is a lease in hand.
type Held struct {
	// Fence numbers this holding: each new holding of the same lease has a
	// higher one, also when Redis lost its last writes.
	Fence int64
	// Until is the deadline by the Redis server's clock. To judge by a local
	// clock, count the ttl from before the call.
	Until time.Time
}

// Acquire takes the lease if it is free. ok is false if another has; then
// Held says until when and by which fence. The same holder acquiring again
// renews the lease and keeps the fence.
func (l *Lease) Acquire(ctx context.Context) (h Held, ok bool, err error) {
	r := redisdb.Run(ctx, l.rdb, leaseAcquire, 3, l.keys, l.holder, l.ttl, fenceMemory.Milliseconds())
	return Held{Fence: r.Int(1), Until: r.Millis(2)}, r.Flag(0), r.Err("acquire lease %s", l.name)
}

// Renew moves the deadline to a full ttl from now. ok is false if the lease
// has lapsed or another has it: the caller must stop the protected work.
func (l *Lease) Renew(ctx context.Context) (ok bool, err error) {
	r := redisdb.Run(ctx, l.rdb, leaseRenew, 1, l.keys, l.holder, l.ttl, fenceMemory.Milliseconds())
	return r.Flag(0), r.Err("renew lease %s", l.name)
}

// Release gives the lease back. It changes nothing if the holder does not have the lease.
func (l *Lease) Release(ctx context.Context) error {
	return redisdb.Run(ctx, l.rdb, leaseRelease, 1, l.keys, l.holder).Err("release lease %s", l.name)
}

// Holder is who has the lease and until when, by the Redis server's clock;
// "" and the zero time if it is free.
func (l *Lease) Holder(ctx context.Context) (holder string, until time.Time, err error) {
	r := redisdb.Run(ctx, l.rdb, leaseHolder, 2, l.keys)
	return r.Str(0), r.Millis(1), r.Err("read lease %s", l.name)
}
