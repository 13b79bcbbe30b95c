-- control changes the status of a rollout, if it has one of the expected ones.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] expected statuses, comma separated  ARGV[3] new status
-- ARGV[4] by  ARGV[5] why  ARGV[6] targets the rollout must hold, or ""
-- Returns {"ok", old status}, {"no", status} ("" if unknown), or {"count", n} if
-- the number of targets is another. Cost: O(1).
local id = ARGV[1]
local key = root .. 'r:' .. id
local s = status(id)
local ok = false
for want in string.gmatch(ARGV[2], '[^,]+') do ok = ok or want == s end
if s == '' or not ok then return { 'no', s } end
if ARGV[6] ~= '' then
  local n = redis.call('HLEN', root .. 't:' .. id)
  if n ~= tonumber(ARGV[6]) then return { 'count', int(n) } end
  redis.call('HSET', key, 'total', ARGV[6])
end
redis.call('HSET', key, 'status', ARGV[3], 'by', ARGV[4], 'why', ARGV[5])
if ARGV[3] == 'running' and s ~= 'paused' then redis.call('HSETNX', key, 'started', int(now_ms)) end
if ARGV[3] == 'done' or ARGV[3] == 'aborted' then redis.call('HSET', key, 'ended', int(now_ms)) end
if ARGV[3] == 'done' then
  redis.call('ZREM', root .. 'active', id)
else -- an aborted one is active until its targets are swept
  redis.call('ZADD', root .. 'active', 'NX', int(now_ms), id)
end
redis.call('RPUSH', root .. 'log:' .. id, cjson.encode({ at = now_ms, from = s, to = ARGV[3], by = ARGV[4], why = ARGV[5] }))
redis.call('LTRIM', root .. 'log:' .. id, -1000, -1)
return { 'ok', s }
