-- create makes a rollout that is loading, or finds that it is there already. A
-- load that goes on after it lost its name takes it again, if no other rollout has it.
--
-- KEYS[1] root
-- ARGV[1] id  ARGV[2] name  ARGV[3] stale after (ms): a load not touched for
-- that long gives its name up  ARGV[4] full plan  ARGV[5] an unfinished rollout that gives
-- its name up, or ""  ARGV[6..] field, value, ... of the rollout
-- Returns {"created"}, {"exists", status} for the same id, or {"taken", id,
-- status} if another unfinished rollout has the name. Cost: O(fields + log rollouts).
-- A rollout is created after all others, also where the clock stepped back: which of two
-- releases is the later one decides who may replace it (later, in prelude.lua).
local id, name = ARGV[1], ARGV[2]
local s = status(id)
if s == '' or s == 'loading' then
  local other, os = rival(id, name, tonumber(ARGV[3]))
  if other and other ~= ARGV[5] then return { 'taken', other, os } end
  redis.call('HSET', root .. 'names', name, id)
  redis.call('HSET', root .. 'r:' .. id, 'touched', int(now_ms))
end
if s ~= '' then return { 'exists', s } end
local newest = redis.call('ZREVRANGE', root .. 'rollouts', 0, 0, 'WITHSCORES')
local created = math.max(now_ms, (tonumber(newest[2] or '') or 0) + 1)
redis.call('HSET', root .. 'r:' .. id, 'status', 'loading', 'name', name, 'created', int(created))
for i = 6, #ARGV, 2 do redis.call('HSET', root .. 'r:' .. id, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', root .. 'p:' .. id, '0', ARGV[4])
redis.call('ZADD', root .. 'rollouts', int(created), id)
return { 'created' }
