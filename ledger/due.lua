-- due makes targets pending whose time has come: parked ones to wake, and
-- running ones whose lease ran out (their worker died or lost Redis).
--
-- KEYS[1] root
-- ARGV[1] how many at most of each index  ARGV[2..] indexes: "wake" or "leases:<lane>"
-- Returns the number of targets moved. Cost: O(n log targets).
local moved = 0
for i = 2, #ARGV do
  local due = redis.call('ZRANGEBYSCORE', root .. ARGV[i], '-inf', int(now_ms), 'LIMIT', 0, tonumber(ARGV[1]))
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
      redis.call('ZREM', root .. ARGV[i], m)
    end
  end
end
return moved
