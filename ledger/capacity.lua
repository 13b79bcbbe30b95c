-- capacity lists the live workers and forgets those whose heartbeat ended.
--
-- KEYS[1] root
-- Returns {worker, JSON of its concurrency by queue, ...}. Cost: O(workers).
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', root .. 'workers', '-inf', int(now_ms))) do
  redis.call('ZREM', root .. 'workers', dead)
  redis.call('HDEL', root .. 'capacity', dead)
end
return redis.call('HGETALL', root .. 'capacity')
