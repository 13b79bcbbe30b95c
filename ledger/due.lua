-- due makes targets pending whose time has come: parked ones to wake, and
-- running ones whose lease ran out (their worker died or lost Redis). One that waits for another
-- rollout goes on waiting while that rollout keeps the app. One with a call of unknown outcome gets
-- the reason "unknown": claim.lua gives it an assignment for which it needs no permit.
--
-- KEYS[1] root
-- ARGV[1] how many at most of each index  ARGV[2] retry for an app that another rollout works on
-- (ms)  ARGV[3..] indexes: "wake" or "leases:<queue>"
-- Returns {number of targets moved, "rollout appid", ...}: who waited for another rollout that
-- may have superseded it, or leaves the app to it (a plan that skips, or a later run of the same
-- name), for who reads the reply to end.
-- Cost: O(n log targets).
local moved, out = 0, { '' }

-- superseded reports whether a later rollout released the app; of which version, the reader judges.
local function superseded(rollout, appid)
  for _, r in ipairs(releases(appid)) do
    if r.id ~= rollout and later(r, plan(rollout)) then return true end
  end
  return false
end

for i = 3, #ARGV do
  local due = redis.call('ZRANGEBYSCORE', root .. ARGV[i], '-inf', int(now_ms), 'LIMIT', 0, tonumber(ARGV[1]))
  for _, m in ipairs(due) do
    local rollout, appid = string.match(m, '^(%S+) (%S+)$')
    local t = rollout and load(rollout, appid)
    if t and (t.state == 'parked' or t.state == 'running') and t.due <= now_ms then
      local from = stand(rollout, appid, t)
      local decision, owner = false, nil
      if t.reason == 'owner' and t.state == 'parked' then decision, owner = contest(rollout, appid, t.stage) end
      t.version = t.version + 1
      if status(rollout) ~= 'aborted' and (decision == 'wait' or decision == 'hurry' or decision == 'skip') then
        if decision == 'skip' or follows(plan(owner), plan(rollout)) then out[#out + 1] = m end
        t.due = contested(decision, tonumber(ARGV[2]))
      else
        if decision and superseded(rollout, appid) then out[#out + 1] = m end
        pend(t)
        moved = moved + 1
      end
      move(rollout, appid, t, from)
    else
      redis.call('ZREM', root .. ARGV[i], m)
    end
  end
end
out[1] = int(moved)
return out
