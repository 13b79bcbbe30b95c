-- Halves the rate, at most once per so much time and never below 1/64. Without
-- a configured rate it is the one just seen that is halved, and never to less
-- than a permit per ARGV[2] of the head.
-- own ARGV[1]  µs
-- Returns {the factor in force, in 64ths}
local t = own
if t.slowed == 0 or now - t.slowed >= tonumber(ARGV[args + 1]) or now < t.slowed then
  local half = math.max(1, math.floor(t.factor / 2))
  if t.counts and t.interval == 0 then
    local seen = math.max(t.n, t.was, 2 * second / widest) -- a second
    learn(t, math.ceil(second / seen))
    t.tat, t.step = now + t.burst * t.interval, t.interval -- it was used until now
  end
  if t.counts then half = math.max(half, math.min(t.factor, math.ceil(t.interval * 64 / widest))) end
  t.factor = half
  t.base, t.slowed = t.factor, now
  pace(t)
  save(t)
elseif t.repaired then
  save(t)
end
return {t.factor}
