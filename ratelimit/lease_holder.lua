-- Reads who has the lease now.
-- KEYS[1]  the lease's hash, see lease_acquire.lua
-- Returns {holder, "" = free; until, 0 = free}
-- Cost: O(1)
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local got = redis.call("HMGET", KEYS[1], "holder", "until", "ttl")
local till = tonumber(got[2] or 0)
if got[3] then till = math.min(till, now + tonumber(got[3])) end -- the clock stepped back
if not got[1] or till <= now then return {"", 0} end
return {got[1], till}
