-- clock works off a step back of the server's clock, a batch per call: parked targets
-- wake that much earlier, and leases that end too far ahead end one lease from now. It
-- changes nothing else of a target, and nothing twice.
--
-- KEYS[1] root
-- ARGV[1] how many at most of each index  ARGV[2] usual lease of an assignment (ms)
-- Returns the number of entries seen, 0 when all is done. Cost: O(n log targets).
local limit, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
local seen = 0

-- settle gives a target that still stands in an index with a score another due time.
local function settle(index, m, score, state, due)
  local rollout, appid = string.match(m, '^(%S+) (%S+)$')
  local t = rollout and load(rollout, appid)
  seen = seen + 1
  redis.call('ZREM', root .. index, m)
  if not t or t.state ~= state or t.due ~= score then return end
  local from = stand(rollout, appid, t)
  t.due = due
  move(rollout, appid, t, from)
end

for _, queue in ipairs({ 'commit', 'audit', 'release' }) do
  local index = 'leases:' .. queue
  local list = redis.call('ZRANGEBYSCORE', root .. index, '(' .. int(now_ms + far(lease)), '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
  for i = 1, #list, 2 do settle(index, list[i], tonumber(list[i + 1]), 'running', now_ms + lease) end
end

local back = tonumber(redis.call('HGET', root .. 'clock', 'back') or '0')
local list = redis.call('ZRANGE', root .. 'wake:stepped', 0, limit - 1, 'WITHSCORES')
for i = 1, #list, 2 do
  local due = tonumber(list[i + 1])
  settle('wake:stepped', list[i], due, 'parked', math.max(now_ms, due - back))
end
return int(seen)
