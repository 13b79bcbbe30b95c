-- add writes a batch of new targets of a loading rollout; ones that are there
-- already stay as they are, so that two loads of one plan do no harm.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2..] appid, rank, body, ...
-- Returns {"ok", number added}, or {"not loading", status}. Cost: O(n log targets).
local rollout = ARGV[1]
local s = status(rollout)
if s ~= 'loading' then return { 'not loading', s } end
local added = 0
for i = 2, #ARGV, 3 do
  if redis.call('HEXISTS', root .. 't:' .. rollout, ARGV[i]) == 0 then
    move(rollout, ARGV[i], { stage = 'preflight', state = 'pending', reason = '', fence = 0,
                             version = 1, due = 0, rank = tonumber(ARGV[i + 1]), body = ARGV[i + 2] })
    added = added + 1
  end
end
redis.call('HSET', root .. 'r:' .. rollout, 'touched', int(now_ms))
return { 'ok', int(added) }
