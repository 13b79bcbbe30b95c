-- Counts the apps whose token lives.
--
-- KEYS[1]  the apps' index, see token_put.lua
-- Returns {count}
-- Cost: O(log apps)
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return {redis.call("ZCOUNT", KEYS[1], "(" .. string.format("%.0f", now), "+inf")}
