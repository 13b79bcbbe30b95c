-- handed closes the baseline's batch once a rollout has its apps.
--
-- KEYS[1] baseline  HASH
-- KEYS[2] batch     SET of appids
-- ARGV[1] number of the batch  ARGV[2] the rollout that has it
-- Returns 1, or 0 if it was closed before. Cost: O(batch).
if redis.call('HGET', KEYS[1], 'number') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'open') == 0 then return 0 end
redis.call('HINCRBY', KEYS[1], 'taken', redis.call('SCARD', KEYS[2]))
redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[1], 'open')
redis.call('HSET', KEYS[1], 'last', ARGV[2])
return 1
