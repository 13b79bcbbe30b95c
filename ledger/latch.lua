-- latch stores a gate's decision; "pass" opens the next wave. A decision that is
-- pass, fail or trip stays, except that a gate that passed may trip, and that an
-- operator promotes past one that failed or tripped, which is then waived: it never
-- trips again.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] wave  ARGV[3] decision  ARGV[4] gate as JSON
-- ARGV[5] "promote" if an operator says so  ARGV[6] the decision that the operator
-- saw, "" for any  ARGV[7] by  ARGV[8] why
-- A decision other than a further hold is an entry of the log.
-- Returns 1 if it was stored, 0 if it was latched already or the wave is not the
-- last open one (to trip: one before it), -1 if there is no such rollout, -2 if the
-- gate has another decision than the operator saw, and has not passed.
-- Cost: O(waves). The field "shut" is the first wave whose gate tripped.
local key = root .. 'r:' .. ARGV[1]
if status(ARGV[1]) == '' then return -1 end
local wave, decision, promote = tonumber(ARGV[2]), ARGV[3], ARGV[5] == 'promote'
local open = tonumber(redis.call('HGET', key, 'wave') or '0')
local was = redis.call('HGET', key, 'decision:' .. ARGV[2])
if decision == 'trip' then
  if wave >= open or was ~= 'pass' or redis.call('HEXISTS', key, 'waived:' .. ARGV[2]) == 1 then return 0 end
elseif was == 'trip' then
  if not promote then return 0 end
elseif wave ~= open or was == 'pass' or (was == 'fail' and not promote) then
  return 0
end
if promote and ARGV[6] ~= '' and ARGV[6] ~= (was or 'hold') then return -2 end
redis.call('HSET', key, 'decision:' .. ARGV[2], decision, 'gate:' .. ARGV[2], ARGV[4])
if promote and (was == 'fail' or was == 'trip') then redis.call('HSET', key, 'waived:' .. ARGV[2], '1') end
if decision == 'pass' and wave == open then redis.call('HSET', key, 'wave', int(wave + 1)) end
if decision == 'trip' or was == 'trip' then
  redis.call('HDEL', key, 'shut')
  for w = 0, open - 1 do
    if redis.call('HGET', key, 'decision:' .. int(w)) == 'trip' then
      redis.call('HSET', key, 'shut', int(w))
      break
    end
  end
end
if decision ~= 'hold' then
  log(ARGV[1], was or 'hold', decision, ARGV[7], ARGV[8], promote and 'promote' or 'gate', { gate = cjson.decode(ARGV[4]) })
end
return 1
