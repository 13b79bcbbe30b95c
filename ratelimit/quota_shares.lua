-- Replaces the standing shares.
-- ARGV[5...]  pool, units, ...
-- Returns {1}
-- Cost: O(shares)
redis.call("DEL", KEYS[8])
if #ARGV > 4 then redis.call("HSET", KEYS[8], unpack(ARGV, 5)) end
return {1}
