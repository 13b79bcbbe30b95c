-- Takes in what the platform says is left.
-- ARGV[4]  rest
-- ARGV[5]  limit
-- ARGV[6]  the spent counter before the platform was asked
-- ARGV[7]  ms until the next look if nothing is left, 0 = ARGV[1]
-- Left is the rest less what was spent since it was asked for. With nothing left
-- the pool is closed afterwards, whatever it was.
-- Returns {1 if the pool is open now}
local rest, next_check = tonumber(ARGV[4]), tonumber(ARGV[7])
if next_check == 0 then next_check = probe_after end
local news = not q.seen or rest > q.seen
-- What was settled since the question may or may not be in the answer: it is
-- taken off once more rather than granted twice. A counter that went back
-- (Redis lost its last writes) takes nothing off.
local since = math.max(0, q.spent - tonumber(ARGV[6]))
q.failure, q.failed_at = "", 0
q.rest, q.limit, q.seen, q.read_at = math.max(0, rest - since), tonumber(ARGV[5]), rest, now

if q.rest < 1 then
  if q.state == "open" then
    shut("exhausted", next_check)
  else
    -- A probe that asks before it calls has its answer: it goes no further, and
    -- giving its permit back does not let another out before the next look. While
    -- a probe is out retry_at is only the time to give it up; any other wait is
    -- one that a refusal asked for, and is kept.
    local kept = q.retry_at
    if q.probe ~= "" and q.doubt ~= "refused" then kept = 0 end
    q.retry_at = math.max(kept, now + next_check)
    if q.probe ~= "" then redis.call("ZREM", KEYS[2], q.probe) end
    q.state, q.probe, q.doubt, q.asked = "closed", "", "", 0
  end
elseif q.state ~= "open" and q.reason == "exhausted" then
  open()
elseif q.state == "closed" and q.firm <= now and (q.fails == 0 or news) then
  -- The platform refused before and now says there is some: let one try. A
  -- reading that says no more than when a probe was refused does not hurry
  -- the next one, and none hurries a wait that the refusal itself asked for.
  q.state, q.retry_at = "probing", now
end
save()
return {q.state == "open" and 1 or 0}
