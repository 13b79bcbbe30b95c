-- Drops a refused token, if it is still the stored one.
--
-- KEYS[1]  the token's hash, see token_put.lua
-- ARGV[1]  the token as it is stored, sealed
-- Returns {1 if dropped}
-- Cost: O(1)
if redis.call("HGET", KEYS[1], "token") ~= ARGV[1] then return {0} end
redis.call("HDEL", KEYS[1], "token", "fetched", "expires")
return {1}
