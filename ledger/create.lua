-- create makes a rollout that is loading, or finds that it is there already.
--
-- KEYS[1] root
-- ARGV[1] id  ARGV[2] name  ARGV[3] stale after (ms): a load nobody touched for
-- that long gives its name up  ARGV[4..] field, value, ... of the rollout
-- Returns {"created"}, {"exists", status} for the same id, or {"taken", id,
-- status} if another unfinished rollout has the name. Cost: O(fields).
local id, name = ARGV[1], ARGV[2]
local s = status(id)
if s ~= '' then
  redis.call('HSET', root .. 'r:' .. id, 'touched', int(now_ms))
  return { 'exists', s }
end
local other = redis.call('HGET', root .. 'names', name)
if other then
  local os = status(other)
  local touched = tonumber(redis.call('HGET', root .. 'r:' .. other, 'touched') or '0')
  local stale = os == 'loading' and touched + tonumber(ARGV[3]) < now_ms
  if not (os == '' or os == 'done' or os == 'aborted' or stale) then
    return { 'taken', other, os }
  end
end
redis.call('HSET', root .. 'names', name, id)
redis.call('HSET', root .. 'r:' .. id, 'status', 'loading', 'name', name,
           'created', int(now_ms), 'touched', int(now_ms))
for i = 4, #ARGV, 2 do redis.call('HSET', root .. 'r:' .. id, ARGV[i], ARGV[i + 1]) end
redis.call('ZADD', root .. 'rollouts', int(now_ms), id)
return { 'created' }
