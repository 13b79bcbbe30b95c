-- Goes back to the full rate and ends the hold.
-- Returns {1}
own.factor, own.base, own.slowed, own.hold = 64, 64, 0, 0
if own.counts then learn(own, 0) end
pace(own)
save(own)
return {1}
