-- schedule_fire moves a schedule on to its next run, for one caller only.
--
-- KEYS[1] root
-- ARGV[1] name  ARGV[2] next run as it was read (ms)  ARGV[3] next run from now on (ms), 0 for
-- none  ARGV[4] runs that were missed  ARGV[5] id of the run that began, "" if it was skipped
-- ARGV[6] why it was skipped
-- Returns 1, or 0 if the schedule is gone, paused, loading, or another leader moved
-- it on. Cost: O(log schedules).
local key = root .. 's:' .. ARGV[1]
local s = redis.call('HMGET', key, 'sealed', 'paused', 'next')
if s[1] ~= '1' or s[2] == '1' or s[3] ~= ARGV[2] then return 0 end
redis.call('HSET', key, 'next', ARGV[3])
if ARGV[4] ~= '0' then
  redis.call('HINCRBY', key, 'missed', ARGV[4])
  redis.call('HSET', key, 'missed_at', int(now_ms))
end
if ARGV[5] ~= '' then
  redis.call('HINCRBY', key, 'runs', 1)
  redis.call('HSET', key, 'run', ARGV[5], 'last', int(now_ms))
else
  redis.call('HINCRBY', key, 'skipped', 1)
  redis.call('HSET', key, 'skipped_at', int(now_ms), 'skipped_why', ARGV[6])
end
arm(ARGV[1])
return 1
