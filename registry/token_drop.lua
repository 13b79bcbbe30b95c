-- Drops a refused token, if it is still the stored one.
--
-- KEYS[1]  the token's hash, see token_put.lua
-- KEYS[2]  the apps' index, see token_put.lua
-- ARGV[1]  the token as it is stored, sealed
-- ARGV[2]  appid, "" = the component
-- Returns {1 if dropped}
-- Cost: O(log apps)
if redis.call("HGET", KEYS[1], "token") ~= ARGV[1] then return {0} end
redis.call("HDEL", KEYS[1], "token", "fetched", "expires")
if ARGV[2] ~= "" then redis.call("ZADD", KEYS[2], 0, ARGV[2]) end
return {1}
