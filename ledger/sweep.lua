-- sweep ends the pending targets of an aborted rollout, a batch per call; parked
-- ones come up when their wake time does, running ones when they are saved.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] how many at most
-- Returns {targets ended, targets still unfinished}; a rollout with none left is
-- no longer active. Cost: O(n log targets).
local rollout, left = ARGV[1], tonumber(ARGV[2])
if status(rollout) ~= 'aborted' then return { 0, 0 } end
local moved = 0
for stage in pairs(LANE) do
  local apps = redis.call('ZRANGE', root .. 'ready:' .. rollout .. ':' .. stage, 0, left - moved - 1)
  if left - moved <= 0 then apps = {} end
  for _, appid in ipairs(apps) do
    local t = load(rollout, appid)
    leave(rollout, appid, t)
    t.version, t.state, t.reason, t.due = t.version + 1, 'aborted', '', 0
    enter(rollout, appid, t)
    moved = moved + 1
  end
end
local unfinished = 0
local counts = redis.call('HGETALL', root .. 'n:' .. rollout)
for i = 1, #counts, 2 do
  local s = string.match(counts[i], '^[^|]*|[^|]*|([^|]*)|')
  if s == 'pending' or s == 'running' or s == 'parked' then unfinished = unfinished + tonumber(counts[i + 1]) end
end
if unfinished == 0 then redis.call('ZREM', root .. 'active', rollout) end
return { moved, unfinished }
