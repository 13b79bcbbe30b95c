-- Takes up to ARGV[1] permits of this throttle, out of all the throttles.
-- own ARGV[1]  permits wanted, at least 1
-- own ARGV[2]  permits used since the last take without asking, while there was
--              no rate
-- Returns {granted, µs until the next permit (0 if all were granted), µs between two
-- permits at the rate in force, 0 = no rate}
local want, passed = tonumber(ARGV[args + 1]), tonumber(ARGV[args + 2])
local n, retry, step = want, 0, 0
for _, t in ipairs(all) do
  if t.interval > 0 then
    n = math.min(n, math.floor((now + t.burst * t.step - t.tat) / t.step))
    step = math.max(step, t.step)
  end
end
for _, t in ipairs(all) do
  if t.interval > 0 then
    t.tat = t.tat + n * t.step
    if n < want then retry = math.max(retry, t.tat + t.step - now - t.burst * t.step) end
  end
  if t.counts then t.n = t.n + n + passed end
  if n > 0 or t.repaired or t.counts and passed > 0 then save(t) end
end
return {n, retry, step}
