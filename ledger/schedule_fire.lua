-- schedule_fire moves a schedule on to its next run, for one caller only.
--
-- KEYS[1] root
-- ARGV[1] name  ARGV[2] id of the run  ARGV[3] next run as it was read (ms)
-- ARGV[4] next run from now on (ms), 0 for none  ARGV[5] runs that were missed
-- Returns 1, or 0 if the schedule is gone, paused, loading, or somebody else moved
-- it on. Cost: O(log schedules).
local key = root .. 's:' .. ARGV[1]
local s = redis.call('HMGET', key, 'sealed', 'paused', 'next')
if s[1] ~= '1' or s[2] == '1' or s[3] ~= ARGV[3] then return 0 end
redis.call('HSET', key, 'run', ARGV[2], 'last', int(now_ms), 'next', ARGV[4])
redis.call('HINCRBY', key, 'missed', ARGV[5])
arm(ARGV[1])
return 1
