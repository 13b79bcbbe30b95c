package registry

import (
	"sync"
	"time"
)

const (
	// cacheSweepAt is the size from which an insertion first drops what is over.
	cacheSweepAt = 2048
	// refusalMemory is how long a refused token stays unwelcome: longer than another goroutine
	// can be under way with it between Redis and this cache.
	refusalMemory = time.Minute
)

// cache keeps decrypted tokens of this process for seconds, so that a WeChat call does not cost
// a Redis round trip, and remembers failures that only a human can fix, so that they are not
// asked for again with every call.
type cache struct {
	mu      sync.RWMutex
	entries map[string]entry // by store key
	sweepAt int
	now     func() time.Time
}

// entry is a token, or the error that stands in its place, or a token that was refused,
// until a time.
type entry struct {
	token   string
	err     error
	refused string
	until   time.Time
}

func newCache(now func() time.Time) *cache {
	return &cache{entries: map[string]entry{}, sweepAt: cacheSweepAt, now: now}
}

// get returns the token or the error to use now.
func (c *cache) get(key string) (entry, bool) {
	e, ok := c.live(key)
	return e, ok && e.refused == ""
}

// refused reports whether this token was refused a moment ago.
func (c *cache) refused(key, token string) bool {
	e, ok := c.live(key)
	return ok && token != "" && e.refused == token
}

func (c *cache) live(key string) (entry, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[key]
	return e, ok && c.now().Before(e.until)
}

// put keeps a token, or an error, for life; but not a token refused a moment ago, which a
// goroutine may have read before it was dropped.
func (c *cache) put(key, token string, err error, life time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if old, ok := c.entries[key]; ok && token != "" && old.refused == token && now.Before(old.until) {
		return
	}
	c.set(key, entry{token: token, err: err, until: now.Add(life)})
}

// refuse replaces the entry by the memory that the token was refused, unless the entry
// holds another token.
func (c *cache) refuse(key, token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if old := c.entries[key]; old.token != "" && old.token != token && now.Before(old.until) {
		return
	}
	c.set(key, entry{refused: token, until: now.Add(refusalMemory)})
}

// clear removes the entry with any content.
func (c *cache) clear(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
}

// set stores an entry; the caller holds the lock.
func (c *cache) set(key string, e entry) {
	if len(c.entries) >= c.sweepAt {
		now := c.now()
		for k, old := range c.entries {
			if !now.Before(old.until) {
				delete(c.entries, k)
			}
		}
		c.sweepAt = max(cacheSweepAt, 2*len(c.entries))
	}
	c.entries[key] = e
}
