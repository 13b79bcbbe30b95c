-- Opens the pool in any state, and forgets the reading.
-- Returns {1}
open()
q.opens = q.opens + 1
forget_reading()
redis.call("DEL", KEYS[6])
save()
return {1}
