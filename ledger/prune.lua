-- prune takes a finished rollout out of the ledger, if it is as it was when it was
-- archived, and remembers where it went. Targets that ended stand in no index and
-- own no app, so that the keys of the rollout are all there is.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] stamp as it was read  ARGV[3] what to remember, JSON
-- ARGV[4] how many archived rollouts are remembered  ARGV[5] by  ARGV[6] why
-- Returns {"ok"}, {"gone"} if there is no such rollout, {"unfinished", status,
-- number of unfinished targets}, or {"changed"}. Cost: O(cells + log archived); the
-- targets are freed in the background.
local id = ARGV[1]
local s = status(id)
if s == '' then return { 'gone' } end
local left = unfinished(id)
if not (s == 'done' or s == 'aborted') or left > 0 then return { 'unfinished', s, int(left) } end
if stamp(id) ~= ARGV[2] then return { 'changed' } end
local name = redis.call('HGET', root .. 'r:' .. id, 'name')
for _, kind in ipairs({ 't:', 'p:', 'n:', 'codes:', 'log:', 'r:' }) do redis.call('UNLINK', root .. kind .. id) end
for stage in pairs(QUEUE) do redis.call('UNLINK', root .. 'ready:' .. id .. ':' .. stage) end
redis.call('ZREM', root .. 'active', id)
redis.call('ZREM', root .. 'rollouts', id)
if name and redis.call('HGET', root .. 'names', name) == id then redis.call('HDEL', root .. 'names', name) end
redis.call('ZADD', root .. 'archives', int(now_ms), id)
redis.call('HSET', root .. 'archived', id, ARGV[3])
local over = redis.call('ZCARD', root .. 'archives') - tonumber(ARGV[4])
if over > 0 then
  for _, old in ipairs(redis.call('ZRANGE', root .. 'archives', 0, math.min(over, 100) - 1)) do
    redis.call('ZREM', root .. 'archives', old)
    redis.call('HDEL', root .. 'archived', old)
  end
end
log('', id .. ' ' .. s, 'archived', ARGV[5], ARGV[6])
return { 'ok' }
