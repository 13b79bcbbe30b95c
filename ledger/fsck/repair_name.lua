-- repair_name takes a name out of an index of rollouts or schedules if what it names
-- is not there, or puts it where it belongs if it is.
--
-- KEYS[1] root
-- ARGV[1] index: active, rollouts, names or schedules, or one of targets for a
-- member that names none  ARGV[2] id of the rollout, name of the schedule, or the
-- member  ARGV[3] for names: the name that stands for the id
-- Returns what was done, "" for nothing. Cost: O(log entries).
local index, id = ARGV[1], ARGV[2]
if index == 'wake' or string.sub(index, 1, 7) == 'leases:' then
  if string.match(id, '^[^ ]+ .+$') or redis.call('ZREM', root .. index, id) == 0 then return '' end
  return 'took it out of ' .. index
end
if index == 'schedules' then
  if redis.call('EXISTS', root .. 's:' .. id) == 1 then
    arm(id)
    return 'set its next run'
  end
  if redis.call('ZREM', root .. 'schedules', id) == 0 then return '' end
  return 'took it out of schedules'
end
if redis.call('EXISTS', root .. 'r:' .. id) == 1 then
  if index ~= 'rollouts' or redis.call('ZSCORE', root .. 'rollouts', id) then return '' end
  redis.call('ZADD', root .. 'rollouts', redis.call('HGET', root .. 'r:' .. id, 'created') or int(now_ms), id)
  return 'put it into rollouts'
end
local gone = 0
if index == 'names' then
  if redis.call('HGET', root .. 'names', ARGV[3]) == id then gone = redis.call('HDEL', root .. 'names', ARGV[3]) end
else
  gone = redis.call('ZREM', root .. index, id)
end
if gone == 0 then return '' end
return 'took it out of ' .. index
