-- schedule_seal ends a load: the schedule runs when its time comes.
--
-- KEYS[1] root
-- ARGV[1] name  ARGV[2] targets it must hold
-- Returns the number of targets it holds, or -1 if there is no such schedule; it
-- is sealed only if the number is the expected one. Cost: O(log schedules).
local key = root .. 's:' .. ARGV[1]
if redis.call('EXISTS', key) == 0 then return -1 end
local n = redis.call('HLEN', root .. 'st:' .. ARGV[1])
if n == tonumber(ARGV[2]) then
  redis.call('HSET', key, 'sealed', '1')
  arm(ARGV[1])
end
return n
