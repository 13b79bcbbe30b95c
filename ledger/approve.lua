-- approve lets the releases of a rollout with release.when manual go on.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] by  ARGV[3] why
-- Returns 1, 0 if they were approved before, or -1 if there is no such rollout. Cost: O(1).
local s = status(ARGV[1])
if s == '' then return -1 end
local first = redis.call('HSETNX', root .. 'r:' .. ARGV[1], 'release_approved', ARGV[2] .. ': ' .. ARGV[3])
if first == 1 then log(ARGV[1], s, s, ARGV[2], ARGV[3], 'approve') end
return first
