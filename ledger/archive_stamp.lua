-- stamp changes whenever something of a rollout does: a target's place, the plan,
-- the status.
local function stamp(id)
  local r = redis.call('HMGET', root .. 'r:' .. id, 'moves', 'revision', 'status')
  return string.format('%s|%s|%s|%d', r[1] or '', r[2] or '', r[3] or '', redis.call('LLEN', root .. 'log:' .. id))
end
