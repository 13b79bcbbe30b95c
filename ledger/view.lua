-- view reads rollouts, each with its counts, as of one instant. (A transaction
-- would do, but Redis refuses even reads in one when it is out of memory.)
--
-- KEYS[1] root
-- ARGV ids
-- Returns per id {fields, counts, failures by errcode, targets, 1 if active},
-- fields empty if there is no such rollout. Cost: O(ids * cells).
local out = {}
for i, id in ipairs(ARGV) do
  out[i] = {
    redis.call('HGETALL', root .. 'r:' .. id),
    redis.call('HGETALL', root .. 'n:' .. id),
    redis.call('HGETALL', root .. 'codes:' .. id),
    redis.call('HLEN', root .. 't:' .. id),
    redis.call('ZSCORE', root .. 'active', id) and 1 or 0,
  }
end
return out
