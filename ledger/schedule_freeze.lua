-- schedule_freeze makes a draft the targets of a schedule's next run, once for each
-- run: whoever comes later finds them made.
--
-- KEYS[1] root
-- ARGV[1] name  ARGV[2] token of the draft  ARGV[3] next run as it was read (ms)
-- ARGV[4] targets the draft must hold  ARGV[5] definition with the run's plan, JSON
-- Returns 1; 0 if the run has its targets or is another one by now; -1 if the draft
-- holds another number. Cost: O(1); what it replaces is freed in the background.
local key, draft = root .. 's:' .. ARGV[1], root .. 'sd:' .. ARGV[1] .. ':' .. ARGV[2]
local s = redis.call('HMGET', key, 'next', 'frozen')
if s[1] ~= ARGV[3] or s[2] == ARGV[3] then
  redis.call('UNLINK', draft)
  return 0
end
if redis.call('HLEN', draft) ~= tonumber(ARGV[4]) then return -1 end
redis.call('UNLINK', root .. 'st:' .. ARGV[1])
redis.call('RENAME', draft, root .. 'st:' .. ARGV[1])
redis.call('PERSIST', root .. 'st:' .. ARGV[1])
redis.call('HSET', key, 'def', ARGV[5], 'frozen', ARGV[3])
return 1
