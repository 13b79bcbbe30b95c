-- Gives a lease back, if its holder still has it; the fence is remembered.
-- KEYS[1]  the lease's hash, see lease_acquire.lua
-- ARGV[1]  holder
-- Returns {1 if released}
-- Cost: O(1)
if redis.call("HGET", KEYS[1], "holder") ~= ARGV[1] then return {0} end
redis.call("HDEL", KEYS[1], "holder", "until", "ttl")
return {1}
