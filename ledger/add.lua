-- add writes a batch of new targets of a loading rollout; ones that are there
-- already stay as they are, so that two loads of one plan do no harm.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2..] appid, rank, body, ...; a thousand targets at most
-- Returns {"ok", number added}, or {"not loading", status}. Cost: O(n log targets),
-- in a handful of commands: what move does, for all of them at once.
local rollout = ARGV[1]
local s = status(rollout)
if s ~= 'loading' then return { 'not loading', s } end
local apps = {}
for i = 2, #ARGV, 3 do apps[#apps + 1] = ARGV[i] end
local there = #apps > 0 and redis.call('HMGET', root .. 't:' .. rollout, unpack(apps)) or {}
local records, ranks, cells, seen, added = {}, {}, {}, {}, 0
for i, appid in ipairs(apps) do
  if not there[i] and not seen[appid] then
    seen[appid] = true
    local rank = tonumber(ARGV[3 * i])
    local t = { stage = 'preflight', state = 'pending', reason = '', fence = 0,
                version = 1, due = 0, rank = rank, body = ARGV[3 * i + 1] }
    added = added + 1
    records[2 * added - 1], records[2 * added] = appid, format(t)
    ranks[2 * added - 1], ranks[2 * added] = int(rank), appid
    local name = cell(t)
    cells[name] = (cells[name] or 0) + 1
  end
end
if added > 0 then
  redis.call('ZADD', root .. 'ready:' .. rollout .. ':preflight', unpack(ranks))
  for name, n in pairs(cells) do redis.call('HINCRBY', root .. 'n:' .. rollout, name, n) end
  redis.call('HSET', root .. 't:' .. rollout, unpack(records))
  redis.call('HINCRBY', root .. 'r:' .. rollout, 'moves', added)
end
redis.call('HSET', root .. 'r:' .. rollout, 'touched', int(now_ms))
return { 'ok', int(added) }
