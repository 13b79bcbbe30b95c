-- Closes the pool: the platform refused, and a reading of what is left says nothing
-- about when it stops refusing.
-- ARGV[5]  reason
-- ARGV[6]  ms until a probe may go, 0 = by the growing wait
-- ARGV[7]  number of the opening during which the refused call was made, 0 = whichever
-- ARGV[8]  app that was refused, "" = none
-- Returns {1 if it was open}, or {-1} if an operator opened it since the call: it
-- is unchanged
local reason, after, opening = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
if opening > 0 and opening ~= q.opens + 1 then return {-1} end
local was = q.state == "open"
if q.quota == 1 then q.reason, q.quota = reason, 0 end
refusal(reason, after)
if ARGV[8] ~= "" then try(ARGV[8]) end
save()
return {was and 1 or 0}
