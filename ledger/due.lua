-- due makes targets pending whose time has come: parked ones to wake, and
-- running ones whose lease ran out (their worker died or lost Redis).
--
-- KEYS[1] root
-- ARGV[1] index: "wake" or "leases:<lane>"  ARGV[2] how many at most
-- Returns the number of targets moved. Cost: O(n log targets).
local moved = 0
local due = redis.call('ZRANGEBYSCORE', root .. ARGV[1], '-inf', int(now_ms), 'LIMIT', 0, tonumber(ARGV[2]))
for _, m in ipairs(due) do
  local rollout, appid = string.match(m, '^(%S+) (%S+)$')
  local t = rollout and load(rollout, appid)
  if t and (t.state == 'parked' or t.state == 'running') and t.due <= now_ms then
    local from = stand(rollout, appid, t)
    t.version = t.version + 1
    t.state, t.reason, t.due = 'pending', '', 0
    move(rollout, appid, t, from)
    moved = moved + 1
  else
    redis.call('ZREM', root .. ARGV[1], m)
  end
end
return moved
