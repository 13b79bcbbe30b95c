-- latch stores a gate's verdict; "open" opens the next wave. A verdict that is
-- open, failed or tripped stays, but that an open gate may trip, and that an
-- operator promotes past a failed or tripped one, which is then waived: it never
-- trips again.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] wave  ARGV[3] verdict  ARGV[4] gate as JSON
-- ARGV[5] "promote" if an operator says so  ARGV[6] the verdict that the operator
-- saw, "" for any
-- Returns 1 if it was stored, 0 if it was latched already or the wave is not the
-- last open one (to trip: one before it), -1 if there is no such rollout, -2 if the
-- gate has another verdict than the operator saw, and is not open.
-- Cost: O(waves). The field "shut" is the first wave whose gate tripped.
local key = root .. 'r:' .. ARGV[1]
if status(ARGV[1]) == '' then return -1 end
local wave, verdict, promote = tonumber(ARGV[2]), ARGV[3], ARGV[5] == 'promote'
local open = tonumber(redis.call('HGET', key, 'wave') or '0')
local was = redis.call('HGET', key, 'verdict:' .. ARGV[2])
if verdict == 'tripped' then
  if wave >= open or was ~= 'open' or redis.call('HEXISTS', key, 'waived:' .. ARGV[2]) == 1 then return 0 end
elseif was == 'tripped' then
  if not promote then return 0 end
elseif wave ~= open or was == 'open' or (was == 'failed' and not promote) then
  return 0
end
if promote and ARGV[6] ~= '' and ARGV[6] ~= (was or 'hold') then return -2 end
redis.call('HSET', key, 'verdict:' .. ARGV[2], verdict, 'gate:' .. ARGV[2], ARGV[4])
if promote and (was == 'failed' or was == 'tripped') then redis.call('HSET', key, 'waived:' .. ARGV[2], '1') end
if verdict == 'open' and wave == open then redis.call('HSET', key, 'wave', int(wave + 1)) end
if verdict == 'tripped' or was == 'tripped' then
  redis.call('HDEL', key, 'shut')
  for w = 0, open - 1 do
    if redis.call('HGET', key, 'verdict:' .. int(w)) == 'tripped' then
      redis.call('HSET', key, 'shut', int(w))
      break
    end
  end
end
return 1
