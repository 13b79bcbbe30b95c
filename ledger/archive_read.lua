-- archive_read reads all that is stored of a rollout but its targets, as of one
-- instant.
--
-- KEYS[1] root
-- ARGV[1] rollout
-- Returns {stamp, fields, counts, failures by errcode, plans by revision, actions},
-- fields empty if there is no such rollout. Cost: O(cells + revisions + actions).
local id = ARGV[1]
return {
  stamp(id),
  redis.call('HGETALL', root .. 'r:' .. id),
  redis.call('HGETALL', root .. 'n:' .. id),
  redis.call('HGETALL', root .. 'codes:' .. id),
  redis.call('HGETALL', root .. 'p:' .. id),
  redis.call('LRANGE', root .. 'log:' .. id, 0, -1),
}
