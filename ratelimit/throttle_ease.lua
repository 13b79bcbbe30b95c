-- Goes back to the configured rate and ends the hold.
-- Returns {1}
factor, base, slowed, hold = 64, 64, 0, 0
pace()
save()
return {1}
