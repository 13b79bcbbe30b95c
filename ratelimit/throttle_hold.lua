-- Grants nothing for ARGV[4] from now; a longer hold stays.
-- ARGV[4]  µs
-- Returns {µs left of the hold}
hold = math.max(hold, now + tonumber(ARGV[4]))
save()
return {hold - now}
