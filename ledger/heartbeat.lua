-- heartbeat says that a worker lives, with its concurrency, or takes it out. It also
-- sees to it that the server's clock only goes forward: one that stepped back, by a
-- correction or by a failover to a server that is behind, would leave leases, wakes and
-- dead workers in the future.
--
-- KEYS[1] root
-- ARGV[1] worker  ARGV[2] for how long (ms), 0 to take it out  ARGV[3] JSON of its
-- concurrency by queue  ARGV[4] usual lease of an assignment (ms)  ARGV[5] step back that is
-- noticed (ms)
-- Returns {ms that the clock was found to have stepped back, 1 if entries wait for
-- clock.lua}. Cost: O(log workers + log leases).
if ARGV[2] == '0' then
  redis.call('ZREM', root .. 'workers', ARGV[1])
  redis.call('HDEL', root .. 'capacity', ARGV[1])
  return { 0, 0 }
end
-- A server is known before it gives its first assignments: if it loses them, and with
-- them who gave them, it must not look like a new one.
if redis.call('EXISTS', root .. 'server') == 0 then quarantine(0) end
redis.call('HSET', root .. 'capacity', ARGV[1], ARGV[3])
redis.call('ZADD', root .. 'workers', int(now_ms + tonumber(ARGV[2])), ARGV[1])

-- The highest time that any worker saw. While an earlier step is worked off it stays, so
-- that the next one is noticed afterwards.
local high = tonumber(redis.call('HGET', root .. 'clock', 'high') or '0')
local back = 0
if high > now_ms + tonumber(ARGV[5]) then
  if redis.call('EXISTS', root .. 'wake:stepped') == 0 then
    back = high - now_ms
    redis.call('HSET', root .. 'clock', 'high', int(now_ms), 'back', int(back), 'at', int(now_ms))
    redis.call('HINCRBY', root .. 'clock', 'steps', 1)
    if redis.call('EXISTS', root .. 'wake') == 1 then redis.call('RENAME', root .. 'wake', root .. 'wake:stepped') end
  end
elseif now_ms > high then
  redis.call('HSET', root .. 'clock', 'high', int(now_ms))
end

-- Workers that died before the step would count for as long.
local ttl = math.max(10 * tonumber(ARGV[2]), 600000)
for _, w in ipairs(redis.call('ZRANGEBYSCORE', root .. 'workers', '(' .. int(now_ms + ttl), '+inf')) do
  redis.call('ZADD', root .. 'workers', int(now_ms + tonumber(ARGV[2])), w)
end

local waits = redis.call('EXISTS', root .. 'wake:stepped')
for _, queue in ipairs({ 'commit', 'audit', 'release' }) do
  if redis.call('ZCOUNT', root .. 'leases:' .. queue, '(' .. int(now_ms + far(tonumber(ARGV[4]))), '+inf') > 0 then waits = 1 end
end
return { int(back), int(waits) }
