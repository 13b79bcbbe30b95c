-- schedule_draft writes a batch of targets that one run of a schedule may take, under a
-- key of its writer's own. A draft that no run uses expires after a day.
--
-- KEYS[1] root
-- ARGV[1] name  ARGV[2] token of the draft  ARGV[3..] appid, "rank|body", ...
-- Returns the number of targets in the draft. Cost: O(n).
local key = root .. 'sd:' .. ARGV[1] .. ':' .. ARGV[2]
for i = 3, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', key, 86400)
return redis.call('HLEN', key)
