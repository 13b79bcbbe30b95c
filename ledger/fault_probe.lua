-- fault_probe lets the leader probe a fault whose time has come, once, and sets the next time.
--
-- KEYS[1] root
-- ARGV[1] since (ms) of the fault that was read  ARGV[2] wait until the next probe (ms)
-- Returns 1 if it is to be probed now, 0 if not yet or if it is another fault or none. Cost: O(1).
local key = root .. 'fault'
local f = redis.call('HMGET', key, 'since', 'probe', 'wait')
if f[1] ~= ARGV[1] then return 0 end
-- A probe that is further off than its wait was set before the clock stepped back.
local left = tonumber(f[2]) - now_ms
if left > 0 and left <= tonumber(f[3] or f[2]) then return 0 end
redis.call('HSET', key, 'probe', int(now_ms + tonumber(ARGV[2])), 'wait', ARGV[2])
redis.call('HINCRBY', key, 'probes', 1)
return 1
