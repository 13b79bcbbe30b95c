-- revise stores the next revision of a plan.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] full plan
-- Returns the revision's number, or 0 if there is no such rollout. Cost: O(1).
if status(ARGV[1]) == '' then return 0 end
local n = redis.call('HINCRBY', root .. 'r:' .. ARGV[1], 'revision', 1)
redis.call('HSET', root .. 'p:' .. ARGV[1], int(n), ARGV[2])
return n
