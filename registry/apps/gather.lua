-- gather moves newcomers from their queue into the baseline's batch, unless one is
-- still to be handed on: an app is in the queue or in a batch, never in both.
--
-- KEYS[1] baseline  HASH, see baseline.go
-- KEYS[2] new       ZSET appid by when it authorized
-- KEYS[3] batch     SET of appids
-- ARGV[1] number of the batch, one more than the last  ARGV[2] its definition, JSON
-- ARGV[3] unix s now  ARGV[4..] appids
-- Returns how many were moved; 0 if a batch is open, its number is taken, the baseline
-- is gone or paused, or none of the apps is in the queue. Cost: O(n log queue).
local b = redis.call('HMGET', KEYS[1], 'open', 'number', 'def', 'paused')
if b[1] or not b[3] or b[4] == '1' or tonumber(b[2] or '0') + 1 ~= tonumber(ARGV[1]) then return 0 end
local moved = 0
for i = 4, #ARGV do
  if redis.call('ZREM', KEYS[2], ARGV[i]) == 1 then
    redis.call('SADD', KEYS[3], ARGV[i])
    moved = moved + 1
  end
end
if moved > 0 then
  redis.call('HSET', KEYS[1], 'number', ARGV[1], 'open', ARGV[2], 'gathered', ARGV[3])
end
return moved
