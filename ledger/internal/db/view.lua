-- view reads rollouts, each with its counts, as of one instant. (A transaction
-- would do, but Redis refuses even reads in one when it is out of memory.)
--
-- KEYS[1] root
-- ARGV ids; none for those that the controller looks at, in the order they began
-- Returns per id {id, fields, counts, failures by errcode, targets, 1 if active},
-- fields empty if there is no such rollout. One of whose keys another program made
-- something else is {id, Redis's error}. Cost: O(ids * cells).
local out = {}
local function row(id)
  local answer = { id }
  for i, ask in ipairs({ { 'HGETALL', 'r:' }, { 'HGETALL', 'n:' }, { 'HGETALL', 'codes:' }, { 'HLEN', 't:' } }) do
    local got = redis.pcall(ask[1], root .. ask[2] .. id)
    if type(got) == 'table' and got.err then return { id, got.err .. ': key ' .. root .. ask[2] .. id } end
    answer[i + 1] = got
  end
  answer[6] = redis.call('ZSCORE', root .. 'active', id) and 1 or 0
  return answer
end
for i, id in ipairs(#ARGV > 0 and ARGV or redis.call('ZRANGE', root .. 'active', 0, -1)) do
  out[i] = row(id)
end
return out
