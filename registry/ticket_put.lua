-- Stores the verify ticket if it is newer than the stored one: callbacks may be late or repeat.
--
-- KEYS[1]  hash: created  CreateTime of the callback, unix seconds
--                value    the ticket, sealed
-- ARGV[1]  created
-- ARGV[2]  value
-- Returns {1 if stored, 0 if the stored one is as new or newer}
-- Cost: O(1)
local stored = redis.call("HGET", KEYS[1], "created")
if stored and tonumber(stored) >= tonumber(ARGV[1]) then return {0} end
redis.call("HSET", KEYS[1], "created", ARGV[1], "value", ARGV[2])
return {1}
