-- sweep ends the pending targets of an aborted rollout, a batch per call, but not
-- those that are being undone; parked
-- ones come up when their wake time does, running ones when they are saved. What
-- stands in an index without being pending there, or without a record, is taken out.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] how many at most
-- Returns {targets ended or taken out, targets still unfinished}; a rollout with none left is
-- no longer active. Cost: O(n log targets).
local rollout, limit = ARGV[1], tonumber(ARGV[2])
if status(rollout) ~= 'aborted' then return { 0, 0 } end
local moved = 0
for stage in pairs(LANE) do
  if moved == limit then break end
  local apps = stage == 'undo' and {} or
    redis.call('ZRANGE', root .. 'ready:' .. rollout .. ':' .. stage, 0, limit - moved - 1)
  for _, appid in ipairs(apps) do
    local t = load(rollout, appid)
    if t and t.state == 'pending' and t.stage == stage then
      local from = stand(rollout, appid, t)
      t.version, t.state, t.reason, t.due = t.version + 1, 'aborted', '', 0
      move(rollout, appid, t, from)
    else
      redis.call('ZREM', root .. 'ready:' .. rollout .. ':' .. stage, appid)
    end
    moved = moved + 1
  end
end
local left = unfinished(rollout)
if left == 0 then redis.call('ZREM', root .. 'active', rollout) end
return { moved, left }
