-- Extends a lease that its holder still has. A lapsed one is not revived:
-- another holder may have had it in between.
-- KEYS[1]  the lease's hash, see lease_acquire.lua
-- ARGV[1]  holder
-- ARGV[2]  time to live in ms
-- ARGV[3]  ms to remember the fence for after the lease lapsed
-- Returns {1 if renewed}
-- Cost: O(1)
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local got = redis.call("HMGET", KEYS[1], "holder", "until")
if got[1] ~= ARGV[1] or tonumber(got[2] or 0) <= now then return {0} end
redis.call("HSET", KEYS[1], "ttl", ARGV[2], "until", string.format("%.0f", now + tonumber(ARGV[2])))
redis.call("PEXPIRE", KEYS[1], string.format("%.0f", tonumber(ARGV[2]) + tonumber(ARGV[3])))
return {1}
