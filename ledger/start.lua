-- start is a handler's first look: is this assignment still mine? It renews the lease
-- and marks the target as acting, so that a second delivery of the same task
-- doesn't begin while the first may still call WeChat.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] appid  ARGV[3] fence  ARGV[4] lease (ms)
-- Returns {"ok", record, status of the rollout, release approval, server time in us, when the
-- rollout was created (ms), releases of the app: see prelude.lua, 1 while a fault of the platform
-- stands},
-- or {"stale", record or ""} if the assignment was given to another worker or is over, or a
-- handler is acting on it, or may be: the mark is among what a restarted server
-- may have lost, so that nothing starts in quarantine. The fence is the assignment: a
-- handler may have taken it on to a later stage of its queue before it stalled.
-- Cost: O(log leases).
local rollout, appid = ARGV[1], ARGV[2]
local t = load(rollout, appid)
if not t then return { 'stale', '' } end
if t.state ~= 'running' or t.fence ~= tonumber(ARGV[3]) then
  return { 'stale', format(t) }
end
-- Its lease had run out, and another rollout has the app by now.
if redis.call('HGET', root .. 'owners', appid) ~= rollout then return { 'stale', format(t) } end
if quarantine(tonumber(ARGV[4])) > 0 then return { 'stale', format(t) } end
-- While its lease had run out, the app may have been lent.
if t.due <= now_ms and lent(appid) then return { 'stale', format(t) } end
if t.reason == 'acting' and t.due > now_ms then return { 'stale', format(t) } end
local from = stand(rollout, appid, t)
t.reason = 'acting'
t.due = math.max(t.due, now_ms + tonumber(ARGV[4]))
local record = move(rollout, appid, t, from)
local r = redis.call('HMGET', root .. 'r:' .. rollout, 'status', 'release_approved', 'created')
return { 'ok', record, r[1] or '', r[2] or '', int(now_us), r[3] or '0', redis.call('HGET', root .. 'released', appid) or '',
         redis.call('EXISTS', root .. 'fault') }
