-- Reads a token.
--
-- KEYS[1]  the token's hash, see token_put.lua
-- Returns {token, "" = none; ms it still lives, 0 = none; refresh, "" = none; ms since it was
--          fetched, -1 = none; version, 0 = nothing was ever stored}
-- Cost: O(1)
local got = redis.call("HMGET", KEYS[1], "token", "expires", "refresh", "fetched", "version")
local refresh, version = got[3] or "", tonumber(got[5] or 0)
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = tonumber(got[2] or 0) - now
if not got[1] or left <= 0 then return {"", 0, refresh, -1, version} end
return {got[1], left, refresh, math.max(now - tonumber(got[4] or now), 0), version}
