-- repair_rollout puts a rollout where the controller looks at it, or takes it out,
-- as its status asks. One that is done with targets unfinished is paused: whether
-- it goes on, and spends submissions, is for a person to say.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] by  ARGV[3] why
-- Returns what was done, "" for nothing. Cost: O(cells).
local id = ARGV[1]
local key = root .. 'r:' .. id
local s = status(id)
local active = redis.call('ZSCORE', root .. 'active', id)
local left = unfinished(id)
if s == 'done' and left > 0 then
  redis.call('HSET', key, 'status', 'paused', 'ended', '0', 'by', ARGV[2], 'why', ARGV[3])
  redis.call('ZADD', root .. 'active', 'NX', int(now_ms), id)
  log(id, s, 'paused', ARGV[2], ARGV[3], 'repair')
  return 'paused it'
end
if s == 'done' then
  if not active then return '' end
  redis.call('ZREM', root .. 'active', id)
  return 'took it out of active'
end
if active or s == '' or s == 'loading' or (s == 'aborted' and left <= 0) then return '' end
redis.call('ZADD', root .. 'active', int(now_ms), id)
return 'put it into active'
