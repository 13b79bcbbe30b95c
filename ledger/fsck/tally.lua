-- tally compares what can be compared at one instant while targets move: the sum
-- of the counts with the number of targets, and each stage's pending ones with
-- its index.
--
-- KEYS[1] root
-- ARGV[1] rollout
-- Returns {"targets", counted, there, "preflight", counted, there, ...}.
-- Cost: O(cells).
local rollout = ARGV[1]
local sum, pending = 0, {}
local counts = redis.call('HGETALL', root .. 'n:' .. rollout)
for i = 1, #counts, 2 do
  local n = tonumber(counts[i + 1])
  local stage, state = string.match(counts[i], '^[^|]*|([^|]*)|([^|]*)|')
  sum = sum + n
  if state == 'pending' then pending[stage] = (pending[stage] or 0) + n end
end
local out = { 'targets', int(sum), int(redis.call('HLEN', root .. 't:' .. rollout)) }
for stage in pairs(QUEUE) do
  out[#out + 1] = stage
  out[#out + 1] = int(pending[stage] or 0)
  out[#out + 1] = int(redis.call('ZCARD', root .. 'ready:' .. rollout .. ':' .. stage))
end
return out
