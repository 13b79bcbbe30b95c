-- latch stores a gate's verdict; "open" opens the next wave. A verdict that is
-- open or failed stays, unless an operator promotes past it.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] wave  ARGV[3] verdict  ARGV[4] gate as JSON
-- ARGV[5] "promote" if an operator says so
-- Returns 1 if it was stored, 0 if it was latched already or the wave is not the
-- last open one, -1 if there is no such rollout. Cost: O(1).
local key = root .. 'r:' .. ARGV[1]
if status(ARGV[1]) == '' then return -1 end
local wave = tonumber(ARGV[2])
if tonumber(redis.call('HGET', key, 'wave') or '0') ~= wave then return 0 end
local was = redis.call('HGET', key, 'verdict:' .. ARGV[2])
if was == 'open' or (was == 'failed' and ARGV[5] ~= 'promote') then return 0 end
redis.call('HSET', key, 'verdict:' .. ARGV[2], ARGV[3], 'gate:' .. ARGV[2], ARGV[4])
if ARGV[3] == 'open' then redis.call('HSET', key, 'wave', int(wave + 1)) end
return 1
