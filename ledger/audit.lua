-- audit shows where targets stand, each with its record, indexes and owner as of
-- one instant. It changes nothing.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2..] appids
-- Returns the status of the rollout, then per appid: the record ("" if there is none), its owner ("" if none),
-- and its places as "index=score" joined by spaces. Cost: O(n log targets).
local rollout = ARGV[1]
local out = { status(rollout) }
local function look(places, index, score)
  if score then places[#places + 1] = index .. '=' .. int(tonumber(score)) end
end
for i = 2, #ARGV do
  local appid = ARGV[i]
  local places = {}
  for stage in pairs(LANE) do
    look(places, 'ready:' .. stage, redis.call('ZSCORE', root .. 'ready:' .. rollout .. ':' .. stage, appid))
  end
  for _, lane in ipairs({ 'commit', 'audit', 'release' }) do
    look(places, 'leases:' .. lane, redis.call('ZSCORE', root .. 'leases:' .. lane, member(rollout, appid)))
  end
  look(places, 'wake', redis.call('ZSCORE', root .. 'wake', member(rollout, appid)))
  table.sort(places)
  out[#out + 1] = redis.call('HGET', root .. 't:' .. rollout, appid) or ''
  out[#out + 1] = redis.call('HGET', root .. 'owners', appid) or ''
  out[#out + 1] = table.concat(places, ' ')
end
return out
