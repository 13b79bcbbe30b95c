-- Reads the verify ticket.
--
-- KEYS[1]  the ticket's hash, see ticket_put.lua
-- Returns {value, "" = none; age in ms by the server's clock, -1 = none}
-- Cost: O(1)
local got = redis.call("HMGET", KEYS[1], "created", "value")
if not got[1] or not got[2] then return {"", -1} end
local time = redis.call("TIME")
local age = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(got[1]) * 1000
return {got[2], math.max(age, 0)}
