-- mark remembers that news of an app came while its target has its assignment, which may
-- have looked too early to see them: save.lua then doesn't let it park for them.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] appid  ARGV[3] fence that was read
-- Returns 1 if it was marked, 0 if that assignment is over.
-- Cost: O(1). The mark goes with the assignment.
local t = load(ARGV[1], ARGV[2])
if not t or t.state ~= 'running' or t.fence ~= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', root .. 'marks', member(ARGV[1], ARGV[2]), int(t.fence))
return 1
