-- Stores a token, unless another process stored since the writer looked: a winner that stalled past its
-- lease must not overwrite its successor, and no renewal a newer authorization.
--
-- KEYS[1]  hash: token    sealed; absent = none
--                expires  ms since 1970, server's clock
--                fetched  ms since 1970, server's clock
--                refresh  sealed refresh token; absent = none
--                version  counts the writes
--                since    CreateTime of the last authorization event, unix seconds
-- KEYS[2]  sorted set: apps that have a row by the end of their token, 0 = none
-- ARGV[1]  version the renewal saw; -1 = an event, which only a later event outdoes
-- ARGV[2]  token, "" = none
-- ARGV[3]  ms it lives from now
-- ARGV[4]  refresh, "" = leave the stored one
-- ARGV[5]  CreateTime of the event; 0 = a renewal
-- ARGV[6]  appid, "" = the component, which is not in KEYS[2]
-- Returns {1 if stored, 0 if refused}
-- Cost: O(log apps)
local time = redis.call("TIME")
local got = redis.call("HMGET", KEYS[1], "version", "since")
local version, since = tonumber(got[1] or 0), tonumber(got[2] or 0)
local seen, event = tonumber(ARGV[1]), tonumber(ARGV[5])
if seen < 0 then
  if event < since then return {0} end
  redis.call("HSET", KEYS[1], "since", ARGV[5])
elseif seen ~= version then
  return {0}
end
redis.call("HINCRBY", KEYS[1], "version", 1)
redis.call("PERSIST", KEYS[1])
if ARGV[4] ~= "" then redis.call("HSET", KEYS[1], "refresh", ARGV[4]) end
local expires = "0"
if ARGV[2] ~= "" then
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  expires = string.format("%.0f", now + tonumber(ARGV[3]))
  redis.call("HSET", KEYS[1], "token", ARGV[2], "fetched", string.format("%.0f", now), "expires", expires)
else
  redis.call("HDEL", KEYS[1], "token", "fetched", "expires")
end
if ARGV[6] ~= "" then redis.call("ZADD", KEYS[2], expires, ARGV[6]) end
return {1}
