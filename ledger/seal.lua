-- seal ends a load: the rollout is scheduled or running from here on.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] targets it must hold  ARGV[3] new status
-- ARGV[4] by  ARGV[5] why  ARGV[6] stale after (ms), see create
-- Returns {"ok"}, {"no", status} unless it is loading ("" if unknown), {"count",
-- n} if the number of targets is another, or {"taken", id, status} if another
-- rollout took the name meanwhile. Cost: O(1).
local id = ARGV[1]
local key = root .. 'r:' .. id
local s = status(id)
if s ~= 'loading' then return { 'no', s } end
local n = redis.call('HLEN', root .. 't:' .. id)
if n ~= tonumber(ARGV[2]) then return { 'count', int(n) } end
local name = redis.call('HGET', key, 'name')
local other, os = rival(id, name, tonumber(ARGV[6]))
if other then return { 'taken', other, os } end
redis.call('HSET', root .. 'names', name, id)
redis.call('HSET', key, 'total', ARGV[2], 'status', ARGV[3], 'by', ARGV[4], 'why', ARGV[5])
if ARGV[3] == 'running' then redis.call('HSET', key, 'started', int(now_ms)) end
redis.call('ZADD', root .. 'active', int(now_ms), id)
log(id, s, ARGV[3], ARGV[4], ARGV[5], 'apply')
return { 'ok' }
