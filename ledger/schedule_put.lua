-- schedule_put makes a schedule that is loading, or changes when one runs whose
-- content is the same.
--
-- KEYS[1] root
-- ARGV[1] name  ARGV[2] digest of the content  ARGV[3] definition, JSON
-- ARGV[4] next run (ms), 0 for none
-- Returns {"created"}, {"changed", "1" if it is sealed, or ""}, or {"taken"} if the
-- name has other content. Cost: O(log schedules).
local name = ARGV[1]
local key = root .. 's:' .. name
local digest = redis.call('HGET', key, 'digest')
if digest and digest ~= ARGV[2] then return { 'taken' } end
redis.call('HSET', key, 'digest', ARGV[2], 'def', ARGV[3], 'next', ARGV[4])
redis.call('HDEL', key, 'frozen') -- a plan that chooses its apps at each run chooses again
if not digest then redis.call('HSET', key, 'created', int(now_ms)) end
arm(name)
if not digest then return { 'created' } end
return { 'changed', redis.call('HGET', key, 'sealed') or '' }
