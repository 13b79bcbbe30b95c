-- The last look before a permit is used.
-- ARGV[5]  id
-- Returns {1 if the id may go, number of this opening, reason, since, retry_at}
local may = holds(ARGV[5]) and (q.state == "open" or q.probe == ARGV[5] and q.firm <= now)
if q.state == "open" then return {may and 1 or 0, q.opens + 1, "", 0, 0} end
return {may and 1 or 0, q.opens + 1, closure()}
