-- note writes into a rollout's log what changed something of it, but not its status.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] by  ARGV[3] why  ARGV[4] verb  ARGV[5] number of targets
-- ARGV[6...] some of their appids
-- Returns 1, or 0 if there is no such rollout. Cost: O(1).
local s = status(ARGV[1])
if s == '' then return 0 end
local more = { targets = tonumber(ARGV[5]) }
if ARGV[6] then more.apps = { unpack(ARGV, 6) } end
log(ARGV[1], s, s, ARGV[2], ARGV[3], ARGV[4], more)
return 1
