-- Takes in what the platform says is left.
-- ARGV[4]  rest
-- ARGV[5]  limit
-- ARGV[6]  the spent counter before the platform was asked
-- ARGV[7]  ms until the next look if nothing is left, 0 = ARGV[1]
-- Returns {1 if the pool is open now}
local rest, next_check = tonumber(ARGV[4]), tonumber(ARGV[7])
if next_check == 0 then next_check = probe_after end
local news = not q.seen or rest > q.seen
-- What was settled since the question may or may not be in the answer: it is
-- taken off once more rather than granted twice. A counter that went back
-- (Redis lost its last writes) takes nothing off.
local since = math.max(0, q.spent - tonumber(ARGV[6]))
q.rest, q.limit, q.seen, q.read_at = math.max(0, rest - since), tonumber(ARGV[5]), rest, now

if rest < 1 then
  if q.state == "open" then
    shut("exhausted", next_check)
  else
    q.retry_at = math.max(q.retry_at, now + next_check)
    if q.probe == "" then q.state = "closed" end
  end
elseif q.state ~= "open" and q.reason == "exhausted" then
  open()
elseif q.state == "closed" and (q.fails == 0 or news) then
  -- The platform refused before and now says there is some: let one try. A
  -- reading that says no more than when a probe was refused does not hurry
  -- the next one.
  q.state, q.retry_at = "probing", now
end
save()
return {q.state == "open" and 1 or 0}
