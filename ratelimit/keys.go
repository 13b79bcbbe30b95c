package ratelimit

// Key names. A limiter's kind and name are its hash tag, so all its keys lie
// in one slot of a Redis Cluster and different limiters spread over slots.
// The tag starts with the kind and so is never empty: a brace inside a name
// cuts it short, in the same way for each key of that limiter.

// throttleKey is a hash: see throttle.lua.
func throttleKey(name string) []string {
	return []string{"wxrollout:{throttle:" + name + "}"}
}

// quotaKeys are a quota's hashes and sets: see quota.lua.
func quotaKeys(name string) []string {
	q := "wxrollout:{quota:" + name + "}"
	return []string{q, q + ":permits", q + ":pools", q + ":out", q + ":books", q + ":refused", q + ":doubts", q + ":shares"}
}

// leaseKey is a hash: see lease_acquire.lua.
func leaseKey(name string) []string {
	return []string{"wxrollout:{lease:" + name + "}"}
}
