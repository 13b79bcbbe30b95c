-- Keeps refresh tokens that WeChat's list of apps shows, where none is stored: a stored
-- one may be newer than the list, and one that is refused is read back anyway.
--
-- KEYS[i]  an app's token hash, see token_put.lua
-- ARGV[i]  its refresh token, sealed
-- Returns {how many were stored}
-- Cost: O(number of keys)
local stored = 0
for i, key in ipairs(KEYS) do
  if redis.call("HSETNX", key, "refresh", ARGV[i]) == 1 then
    redis.call("HINCRBY", key, "version", 1)
    redis.call("PERSIST", key)
    stored = stored + 1
  end
end
return {stored}
