-- Says what keeps the pool from one more permit, and takes none.
-- Returns {limit's tail}; kind "" = a take would be granted
local free, kind = room(q.state ~= "open")
if q.state ~= "open" and (free >= 1 or now < q.retry_at) then return {limit(halted())} end
return {limit(free >= 1 and "" or kind)}
