-- Closes the pool: the platform refused.
-- ARGV[4]  reason
-- ARGV[5]  ms until a probe may go, 0 = by the growing wait
-- ARGV[6]  number of the opening during which the refused call was made, 0 = whichever
-- Returns {1 if it was open}, or {-1} if an operator opened it since the call: it
-- stays as it is
local reason, after, opening = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
if opening > 0 and opening ~= q.opens + 1 then return {-1} end
local was = q.state == "open"
if after > 0 then q.firm = math.max(q.firm, now + after) end
if was then
  shut(reason, after > 0 and after or wait())
elseif q.doubt == "returned" then
  refused(reason, after)
else
  -- One more reply of the same closing. It may name a better reason than our
  -- own count, and a longer wait.
  if q.reason == "exhausted" then q.reason = reason end
  if q.probe ~= "" then
    q.doubt, q.reason, q.asked = "refused", reason, math.max(q.asked, after)
  end
  if after > 0 and now + after > q.retry_at then
    q.reason, q.retry_at = reason, now + after
  end
end
save()
return {was and 1 or 0}
