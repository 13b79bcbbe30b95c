-- recount counts all targets of a rollout at one instant, beside its counts, which
-- it replaces if it is to repair them. The server does nothing else meanwhile: about
-- 5 us per target, so that it is only for rollouts of a few thousand.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] most targets it may have  ARGV[3] "repair" or ""
-- Returns {counts, recount}, both as cell, number, ...; {} if there are more targets.
-- Cost: O(targets).
local rollout = ARGV[1]
if redis.call('HLEN', root .. 't:' .. rollout) > tonumber(ARGV[2]) then return {} end
local cells, out = {}, {}
for _, v in ipairs(redis.call('HVALS', root .. 't:' .. rollout)) do
  local t = parse(v)
  if t.rank and QUEUE[t.stage] then cells[cell(t)] = (cells[cell(t)] or 0) + 1 end
end
for name, n in pairs(cells) do
  out[#out + 1] = name
  out[#out + 1] = int(n)
end
local counts = redis.call('HGETALL', root .. 'n:' .. rollout)
if ARGV[3] == 'repair' then
  redis.call('DEL', root .. 'n:' .. rollout)
  for i = 1, #out, 2 do redis.call('HSET', root .. 'n:' .. rollout, out[i], out[i + 1]) end
end
return { counts, out }
