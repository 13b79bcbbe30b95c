-- fault_clear ends a fault after a probe that succeeded.
--
-- KEYS[1] root
-- ARGV[1] since (ms) of the fault that was probed  ARGV[2] how long an app counts as proven (ms)
-- ARGV[3..] apps that fail where another one works
-- Returns 1, or 0 if it is another fault by now, or none. Cost: O(apps).
local key, alone = root .. 'fault', root .. 'fault:alone'
local f = redis.call('HMGET', key, 'since', 'code', 'times')
if f[1] ~= ARGV[1] then return 0 end
redis.call('DEL', key)
-- An end that rests on proof against single apps is no fault that comes back.
if #ARGV == 2 then redis.call('HSET', root .. 'fault:last', 'code', f[2], 'at', int(now_ms), 'times', f[3]) end
for i = 3, #ARGV do
  redis.call('HSET', alone, ARGV[i], int(now_ms + tonumber(ARGV[2])))
end
if #ARGV > 2 then redis.call('PEXPIRE', alone, ARGV[2]) end
return 1
