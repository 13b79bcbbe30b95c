-- repair_counts replaces the counts of a rollout by a recount, if nothing has moved
-- since the recount was begun: then it is exact.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] moves as read before and after the recount
-- ARGV[3..] cell, number, ...
-- Returns 1, or 0 if a target moved or the rollout is gone. Cost: O(cells).
local rollout = ARGV[1]
if redis.call('EXISTS', root .. 'r:' .. rollout) == 0 then return 0 end
if (redis.call('HGET', root .. 'r:' .. rollout, 'moves') or '') ~= ARGV[2] then return 0 end
redis.call('DEL', root .. 'n:' .. rollout)
for i = 3, #ARGV, 2 do redis.call('HSET', root .. 'n:' .. rollout, ARGV[i], ARGV[i + 1]) end
return 1
