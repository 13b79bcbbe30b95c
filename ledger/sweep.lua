-- sweep ends the targets of an aborted rollout that wait, pending and parked ones alike, a
-- batch per call. One with a call of unknown outcome is not ended but made pending with the
-- reason "unknown": claim.lua gives it an assignment in which its handler only reads. Targets
-- that are being undone stay, running ones come up when they are saved. What stands in an
-- index without being pending there, or without a record, is taken out.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] how many at most
-- Returns {targets ended, marked or taken out, targets still unfinished}; a rollout with none
-- left is no longer active. Cost: O(n log targets). Parked targets have no index of their
-- rollout: while the counts say that some wait, each call looks at the next 2n targets or so and
-- keeps the cursor in the rollout's hash. A walk that ended is begun again only after a move.
local rollout, limit = ARGV[1], tonumber(ARGV[2])
local key = root .. 'r:' .. rollout
if status(rollout) ~= 'aborted' then return { 0, 0 } end
local moved = 0

-- sweep ends or marks a target that waits.
local function sweep(appid, t)
  if t.stage == 'undo' or (t.state ~= 'pending' and t.state ~= 'parked') or t.reason == 'unknown' then return end
  local from = stand(rollout, appid, t)
  t.version = t.version + 1
  pend(t)
  if t.reason ~= 'unknown' then t.state = 'aborted' end
  move(rollout, appid, t, from)
  moved = moved + 1
end

-- waiting counts the targets that a sweep would move. Cost: O(cells).
local function waiting()
  local n = 0
  local counts = redis.call('HGETALL', root .. 'n:' .. rollout)
  for i = 1, #counts, 2 do
    local stage, state, reason = string.match(counts[i], '^[^|]*|([^|]*)|([^|]*)|([^|]*)$')
    if stage ~= 'undo' and (state == 'pending' or state == 'parked') and reason ~= 'unknown' then
      n = n + (tonumber(counts[i + 1]) or 1)
    end
  end
  return n
end

for stage in pairs(QUEUE) do
  if moved >= limit then break end
  local apps = stage == 'undo' and {} or
    redis.call('ZRANGEBYSCORE', root .. 'ready:' .. rollout .. ':' .. stage, 0, '+inf', 'LIMIT', 0, limit - moved)
  for _, appid in ipairs(apps) do
    local t = load(rollout, appid)
    if t and t.state == 'pending' and t.stage == stage then
      sweep(appid, t)
    else
      redis.call('ZREM', root .. 'ready:' .. rollout .. ':' .. stage, appid)
      moved = moved + 1
    end
  end
end

local walk = redis.call('HMGET', key, 'sweep', 'sweep_moves', 'swept_moves')
local cursor, began, done = walk[1] or '0', walk[2] or '', walk[3] or ''
local looked = 0
while moved < limit and looked < 2 * limit do
  local moves_now = redis.call('HGET', key, 'moves') or '0'
  if done == moves_now or waiting() == 0 then break end
  if cursor == '0' then began = moves_now end
  local page = redis.call('HSCAN', root .. 't:' .. rollout, cursor, 'COUNT', limit)
  local whole = true
  for i = 1, #page[2], 2 do
    whole = moved < limit
    if not whole then break end -- the rest of the page comes next
    local t = sound(parse(page[2][i + 1]))
    if t then sweep(page[2][i], t) end
    looked = looked + 1
  end
  if whole then
    cursor = page[1]
    if cursor == '0' then done = began end
  end
  redis.call('HSET', key, 'sweep', cursor, 'sweep_moves', began, 'swept_moves', done)
end
local left = unfinished(rollout)
if left == 0 then redis.call('ZREM', root .. 'active', rollout) end
return { moved, left }
