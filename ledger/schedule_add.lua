-- schedule_add writes a batch of targets of a schedule that is loading; ones that
-- are there already stay as they are.
--
-- KEYS[1] root
-- ARGV[1] name  ARGV[2..] appid, "rank|body", ...
-- Returns the number added, -1 if there is no such schedule, or -2 if it is sealed.
-- Cost: O(n).
local key = root .. 's:' .. ARGV[1]
if redis.call('EXISTS', key) == 0 then return -1 end
if redis.call('HGET', key, 'sealed') == '1' then return -2 end
local added = 0
for i = 2, #ARGV, 2 do
  added = added + redis.call('HSETNX', root .. 'st:' .. ARGV[1], ARGV[i], ARGV[i + 1])
end
return added
