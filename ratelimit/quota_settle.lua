-- Takes a permit back, or learns what became of a call whose reply was lost.
-- ARGV[5]  id
-- ARGV[6]  what became of it:
--          unused    no unit was taken
--          spent     a unit was taken
--          doubtful  the reply was lost: counted as spent, and noted in KEYS[7]
--          found     a read-back shows that the call took effect: counted, unless its doubt was
--          denied    a read-back proves that it did not: what its doubt counted goes back to its
--                    pool, once. No permit is touched. What is left changes by no proof of ours,
--                    only by the next reading: a call that still takes effect late shows
--                    there, as external
-- ARGV[7]  ms when it lapses, "" = whenever; a permit with another life is left alone
-- ARGV[8]  pool to charge if the permit has lapsed and its pool is forgotten
-- Returns {1 if the permit was still out, and is not any more}; for denied {1 if a unit was given
-- back}
local id, use = ARGV[5], ARGV[6]

-- A doubt is the day it was counted on, the spent counter then, and its pool.
local doubt = redis.call("HGET", KEYS[7], id)
if use == "denied" then
  local day, count, pool = string.match(doubt or "", "^(%d+)|(%d+)|(.*)$")
  if not day then return {0} end
  redis.call("HDEL", KEYS[7], id)
  local function back(field)
    if redis.call("HINCRBY", KEYS[5], field, -1) < 1 then redis.call("HDEL", KEYS[5], field) end
  end
  back("m:" .. pool)
  if tonumber(day) == q.day then back("d:" .. pool) end
  -- A reading that began after the call has shown the unit already, as raised.
  if tonumber(count) <= q.asked_at then
    q.raised = math.max(0, q.raised - 1)
  elseif q.base then
    q.base = q.base + 1
  end
  save()
  return {1}
end

local spent = use == "spent" or use == "doubtful" or use == "found" and not doubt
if ARGV[7] ~= "" and tonumber(redis.call("ZSCORE", KEYS[2], id) or 0) ~= tonumber(ARGV[7]) then return {0} end
local out = holds(id)
local pool = redis.call("HGET", KEYS[3], id) or ARGV[8]
purge()
drop(id)
local before = q.rest
if spent then
  q.spent = q.spent + 1
  if q.rest then q.rest = math.max(0, q.rest - 1) end
  if q.base then q.base = q.base - 1 end
  redis.call("HINCRBY", KEYS[5], "m:" .. pool, 1)
  redis.call("HINCRBY", KEYS[5], "d:" .. pool, 1)
  redis.call("DEL", KEYS[6])
  if q.state == "open" then q.fails = 0 end
end
if use == "doubtful" then
  redis.call("HSET", KEYS[7], id, num(q.day) .. "|" .. num(q.spent) .. "|" .. pool)
elseif doubt and use ~= "unused" then
  redis.call("HDEL", KEYS[7], id)
end
if q.state == "probing" and q.probe == id then
  if spent and q.firm > now then
    shut(q.reason, q.firm - now) -- refused firmly since it went out
  elseif spent then
    open()
    -- Taken although the count said nothing is left: the count is out of
    -- date.
    if before and before < 1 then forget_reading() end
  elseif q.doubt == "refused" then
    refused(q.reason, q.asked)
  else
    q.probe, q.doubt, q.retry_at = "", "returned", now
  end
end
if q.state == "open" and q.rest == 0 then
  -- Used up by our own count. Closed, and not just empty, so that a probe looks
  -- again automatically.
  shut("exhausted", probe_after)
end
save()
return {out and 1 or 0}
