-- heartbeat says that a worker lives, with its concurrency, or takes it out.
--
-- KEYS[1] root
-- ARGV[1] worker  ARGV[2] for how long (ms), 0 to take it out  ARGV[3] JSON of its
-- concurrency by lane
-- Returns 1. Cost: O(log workers).
if ARGV[2] == '0' then
  redis.call('ZREM', root .. 'workers', ARGV[1])
  redis.call('HDEL', root .. 'capacity', ARGV[1])
  return 1
end
-- A server is known before it gives its first turns: if it loses them, and with
-- them who gave them, it must not look like a new one.
if redis.call('EXISTS', root .. 'server') == 0 then quarantine(0) end
redis.call('HSET', root .. 'capacity', ARGV[1], ARGV[3])
redis.call('ZADD', root .. 'workers', int(now_ms + tonumber(ARGV[2])), ARGV[1])
return 1
