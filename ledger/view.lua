-- view reads rollouts, each with its counts, as of one instant. (A transaction
-- would do, but Redis refuses even reads in one when it is out of memory.)
--
-- KEYS[1] root
-- ARGV ids; none for those that the conductor looks at, in the order they began
-- Returns per id {id, fields, counts, failures by errcode, targets, 1 if active},
-- fields empty if there is no such rollout. Cost: O(ids * cells).
local out = {}
for i, id in ipairs(#ARGV > 0 and ARGV or redis.call('ZRANGE', root .. 'active', 0, -1)) do
  out[i] = {
    id,
    redis.call('HGETALL', root .. 'r:' .. id),
    redis.call('HGETALL', root .. 'n:' .. id),
    redis.call('HGETALL', root .. 'codes:' .. id),
    redis.call('HLEN', root .. 't:' .. id),
    redis.call('ZSCORE', root .. 'active', id) and 1 or 0,
  }
end
return out
