-- note writes into a rollout's log what changed something of it, but not its status.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] by  ARGV[3] why
-- Returns 1, or 0 if there is no such rollout. Cost: O(1).
local s = status(ARGV[1])
if s == '' then return 0 end
log(ARGV[1], s, s, ARGV[2], ARGV[3])
return 1
