-- save stores what Step decided, if no other write came in between.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] appid  ARGV[3] version that was read  ARGV[4] fence
-- that was read  ARGV[5] new stage  ARGV[6] new state  ARGV[7] new reason
-- ARGV[8] wait (ms): until the wake time when parked; the lease when running
-- ARGV[9] new body  ARGV[10] "call" if a call with effect follows: refused
-- unless the rollout lets the stage move  ARGV[11] errcode it failed with, or ""
-- ARGV[12] errcode it had failed with before, or ""  ARGV[13] version that is live if the target
-- is released or up to date; "" for the one of the rollout's plan
-- Returns {"ok", new version, new due (ms), new state}, {"stale", record or ""} if version or fence moved
-- on, or {"held", status, "gate" or ""} if the rollout doesn't let a call begin, or a
-- target of an aborted one be retried; "gate" if it is a gate that tripped.
-- Cost: O(log targets).
-- A target that is to park for what news came of during its assignment (mark.lua) is
-- pending instead.
local rollout, appid = ARGV[1], ARGV[2]
local t = load(rollout, appid)
if not t or t.version ~= tonumber(ARGV[3]) or t.fence ~= tonumber(ARGV[4]) then
  return { 'stale', t and format(t) or '' }
end
if ARGV[10] == 'call' then
  if not moves(rollout, t.stage) then return { 'held', status(rollout), '' } end
  if shut(rollout, t) then return { 'held', status(rollout), 'gate' } end
  -- A lease that ran out may be given away at any moment: too late to call.
  if t.due <= now_ms then return { 'stale', format(t) } end
end
-- An ended target that goes on brings its ended rollout back to life; an
-- aborted one stays dead, and only an undo would move the target.
local revived = ended(t.state) and not ended(ARGV[6])
if revived and status(rollout) == 'aborted' and ARGV[5] ~= 'undo' then return { 'held', 'aborted', '' } end
local from = stand(rollout, appid, t)
local news = false
if t.state == 'running' and ARGV[6] ~= 'running' then
  local assignment = member(rollout, appid)
  local mark = redis.call('HGET', root .. 'marks', assignment)
  if mark then redis.call('HDEL', root .. 'marks', assignment) end
  news = mark == int(t.fence)
end
t.version = t.version + 1
t.stage, t.state, t.reason, t.body = ARGV[5], ARGV[6], ARGV[7], ARGV[9]
t.due = 0
if news and t.state == 'parked' and (t.reason == 'verdict' or t.reason == 'delayed' or t.reason == 'in-audit' or t.reason == 'merchant') then
  pend(t)
end
if t.state == 'parked' or t.state == 'running' then t.due = now_ms + tonumber(ARGV[8]) end
move(rollout, appid, t, from)
if t.state == 'released' or t.state == 'up-to-date' then
  release(rollout, appid, ARGV[13] ~= '' and ARGV[13] or plan(rollout).version)
elseif t.state == 'undone' then
  local left, was = forget(rollout, appid)
  if was then keep(appid, left) end
end
local codes = root .. 'codes:' .. rollout
if ARGV[11] ~= '' then redis.call('HINCRBY', codes, ARGV[11], 1) end
if ARGV[12] ~= '' and tonumber(redis.call('HGET', codes, ARGV[12]) or '0') > 0 then
  redis.call('HINCRBY', codes, ARGV[12], -1)
end
if revived and status(rollout) == 'done' then
  redis.call('HSET', root .. 'r:' .. rollout, 'status', 'running', 'ended', '0')
end
if revived then redis.call('ZADD', root .. 'active', 'NX', int(now_ms), rollout) end
return { 'ok', int(t.version), int(t.due), t.state }
