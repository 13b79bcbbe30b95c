-- Takes in what the platform says is left.
-- ARGV[5]  rest
-- ARGV[6]  limit
-- ARGV[7]  the spent counter before the platform was asked
-- ARGV[8]  the month before the platform was asked, 0 = whichever
-- ARGV[9]  ms until the next look if nothing is left, 0 = ARGV[1]
-- Left is the rest less what was spent since it was asked for. With nothing left
-- the pool is closed afterwards, in any state.
-- Returns {1 if the pool is open now, 0 if the reading is of the month before and not
-- taken in}
local rest, month, next_check = tonumber(ARGV[5]), tonumber(ARGV[8]), tonumber(ARGV[9])
if month ~= 0 and month ~= q.month then return {q.state == "open" and 1 or 0, 0} end
if next_check == 0 then next_check = probe_after end
local news = not q.seen or rest > q.seen
-- What was settled since the question may or may not be in the answer: it is
-- taken off once more rather than granted twice. A counter that went back
-- (Redis lost its last writes) takes nothing off.
local since = math.max(0, q.spent - tonumber(ARGV[7]))

-- Drift. Of base - rest, permits out may be calls that the reading counts already; of
-- rest - base, what was settled since the question may not be counted yet. What is beyond
-- that, others spent, or WeChat gave.
q.base = q.base or rest - since
local external, raised = q.base - rest - outstanding(), rest - q.base - since
if external > 0 then
  q.base = q.base - external
  q.external, q.external_all = q.external + external, q.external_all + external
elseif raised > 0 then
  q.base, q.raised = q.base + raised, q.raised + raised
end
q.rest, q.limit, q.seen, q.read_at = math.max(0, rest - since), tonumber(ARGV[6]), rest, now
q.asked_at = tonumber(ARGV[7])
q.unread, q.unread_since = "", 0

if q.rest < 1 then
  if q.state == "open" then
    shut("exhausted", next_check)
  else
    -- A probe has its answer: it goes no further, and giving its permit back does not
    -- let another out before the next look. While a probe is out retry_at is only the
    -- time to give it up; any other wait is one that a refusal asked for, and is kept.
    local kept = q.retry_at
    if q.probe ~= "" and q.doubt ~= "refused" then kept = 0 end
    q.retry_at = math.max(kept, now + next_check)
    if q.probe ~= "" then drop(q.probe) end
    q.state, q.probe, q.doubt, q.asked = "closed", "", "", 0
  end
elseif q.state ~= "open" and q.firm <= now then
  if q.reason == "exhausted" then
    open()
  elseif q.quota == 1 and (q.fails == 0 or news or now >= q.retry_at) then
    -- The platform refused before and now says there is some. If it refuses again and
    -- says the same, the next opening by a reading waits as a probe would.
    local fails = q.fails + 1
    open()
    q.fails = fails
  end
end
save()
return {q.state == "open" and 1 or 0, 1}
