-- Keeps refresh tokens that WeChat's list of apps shows, where none is stored: a stored
-- one may be newer than the list, and one that is refused is read back anyway.
--
-- KEYS[1]    the apps' index, see token_put.lua
-- KEYS[i+1]  an app's token hash, see token_put.lua
-- ARGV[2i-1] its appid  ARGV[2i] its refresh token, sealed
-- Returns {how many were stored}
-- Cost: O(number of keys * log apps)
local stored = 0
for i = 2, #KEYS do
  if redis.call("HSETNX", KEYS[i], "refresh", ARGV[2 * i - 2]) == 1 then
    redis.call("HINCRBY", KEYS[i], "version", 1)
    redis.call("PERSIST", KEYS[i])
    redis.call("ZADD", KEYS[1], "NX", 0, ARGV[2 * i - 3])
    stored = stored + 1
  end
end
return {stored}
