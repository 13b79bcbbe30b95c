-- positions reads where targets are listed, each with its record, indexes and owner as of one
-- instant. It changes nothing.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2..] appids
-- Returns the status of the rollout and the server's time (ms), then per appid: the
-- record ("" if there is none), its owner ("" if none), its indexes as
-- "index=score" joined by spaces, and the version that it released ("" for none). Cost: O(n log
-- targets) in a dozen commands; n at most a few hundred.
local rollout = ARGV[1]
local apps = { unpack(ARGV, 2) }
if #apps == 0 then return { status(rollout), int(now_ms) } end
local members = {}
for i, appid in ipairs(apps) do members[i] = member(rollout, appid) end
local places = {}
for i = 1, #apps do places[i] = {} end
local function look(index, key, who)
  local scores = redis.call('ZMSCORE', root .. key, unpack(who))
  for i = 1, #apps do
    if scores[i] then table.insert(places[i], index .. '=' .. int(tonumber(scores[i]))) end
  end
end
for stage in pairs(QUEUE) do look('ready:' .. stage, 'ready:' .. rollout .. ':' .. stage, apps) end
for _, queue in ipairs({ 'commit', 'audit', 'release' }) do look('leases:' .. queue, 'leases:' .. queue, members) end
look('wake', 'wake', members)
if redis.call('EXISTS', root .. 'wake:stepped') == 1 then look('wake', 'wake:stepped', members) end
local records = redis.call('HMGET', root .. 't:' .. rollout, unpack(apps))
local owners = redis.call('HMGET', root .. 'owners', unpack(apps))
local out = { status(rollout), int(now_ms) }
for i = 1, #apps do
  table.sort(places[i])
  out[#out + 1] = records[i] or ''
  out[#out + 1] = owners[i] or ''
  out[#out + 1] = table.concat(places[i], ' ')
  local version = ''
  for _, r in ipairs(releases(apps[i])) do
    if r.id == rollout then version = r.version end
  end
  out[#out + 1] = version
end
return out
