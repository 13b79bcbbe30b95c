-- Halves the rate, at most once per ARGV[4] and never below 1/64.
-- ARGV[4]  µs
-- Returns {the factor in force, in 64ths}
if slowed == 0 or now - slowed >= tonumber(ARGV[4]) or now < slowed then
  factor = math.max(1, math.floor(factor / 2))
  base, slowed = factor, now
  pace()
  save()
end
return {factor}
