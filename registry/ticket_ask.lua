-- Keeps when WeChat was asked to send tickets again, so that one process asks, and rarely.
--
-- KEYS[1]  hash: at      ms since 1970, server's clock
--                result  of the request, for people
-- ARGV[1]  ms that must have passed since the last time for asking now; 0 = it was asked just now,
--          store the result; -1 = read only
-- ARGV[2]  result
-- Returns {1 if the caller is to ask, ms since the last time, -1 = never; its result}
-- Cost: O(1)
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local got = redis.call("HMGET", KEYS[1], "at", "result")
local ago = -1
if got[1] then ago = math.max(now - tonumber(got[1]), 0) end
local pause = tonumber(ARGV[1])
if pause == 0 then
  redis.call("HSET", KEYS[1], "result", ARGV[2])
elseif pause > 0 and (ago < 0 or ago >= pause) then
  redis.call("HSET", KEYS[1], "at", string.format("%.0f", now), "result", ARGV[2])
  return {1, ago, got[2] or ""}
end
return {0, ago, got[2] or ""}
