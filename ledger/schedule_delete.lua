-- schedule_delete takes a schedule away with its targets; its runs stay.
--
-- KEYS[1] root
-- ARGV[1] name
-- Returns 1, or 0 if there is no such schedule. Cost: O(log schedules); the
-- targets are freed in the background.
redis.call('UNLINK', root .. 'st:' .. ARGV[1])
redis.call('ZREM', root .. 'schedules', ARGV[1])
return redis.call('DEL', root .. 's:' .. ARGV[1])
