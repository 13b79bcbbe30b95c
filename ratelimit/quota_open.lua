-- Opens the pool whatever it was, and forgets the reading.
-- Returns {1}
open()
q.opens = q.opens + 1
q.rest, q.limit, q.seen, q.read_at = nil, nil, nil, nil
save()
return {1}
