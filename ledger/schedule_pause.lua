-- schedule_pause keeps a schedule from running, or lets it run again.
--
-- KEYS[1] root
-- ARGV[1] name  ARGV[2] "1" to pause, "0" to resume  ARGV[3] next run (ms), or ""
-- to leave it
-- Returns 1, or 0 if there is no such schedule. Cost: O(log schedules).
local key = root .. 's:' .. ARGV[1]
if redis.call('EXISTS', key) == 0 then return 0 end
redis.call('HSET', key, 'paused', ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', key, 'next', ARGV[3]) end
arm(ARGV[1])
return 1
