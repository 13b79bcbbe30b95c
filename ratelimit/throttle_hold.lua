-- Grants nothing for a while from now; a longer hold stays.
-- own ARGV[1]  µs
-- Returns {µs left of the hold}
own.hold = math.max(own.hold, now + tonumber(ARGV[args + 1]))
save(own)
return {own.hold - now}
