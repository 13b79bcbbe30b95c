-- Drops everything of an app that took its authorization back, unless it authorized again
-- since. The version stays for a day, so that no renewal under way brings the tokens back.
--
-- KEYS[1]  the token's hash, see token_put.lua
-- KEYS[2]  the apps' index, see token_put.lua
-- ARGV[1]  CreateTime of the event, unix seconds
-- ARGV[2]  ms to remember the version for
-- ARGV[3]  appid
-- Returns {1 if dropped}
-- Cost: O(log apps)
if tonumber(redis.call("HGET", KEYS[1], "since") or 0) > tonumber(ARGV[1]) then return {0} end
redis.call("HDEL", KEYS[1], "token", "fetched", "expires", "refresh")
redis.call("HSET", KEYS[1], "since", ARGV[1])
redis.call("HINCRBY", KEYS[1], "version", 1)
redis.call("ZREM", KEYS[2], ARGV[3])
redis.call("PEXPIRE", KEYS[1], ARGV[2])
return {1}
