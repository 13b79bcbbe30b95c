-- Takes a permit back.
-- ARGV[5]  id
-- ARGV[6]  1 if it was spent
-- ARGV[7]  ms when it lapses, "" = whenever; a permit with another life is left alone
-- ARGV[8]  pool to charge if the permit has lapsed and nobody knows its pool any more
-- Returns {1 if the permit was still out, and is not any more}
local id, spent = ARGV[5], ARGV[6] == "1"
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
  -- again by itself.
  shut("exhausted", probe_after)
end
save()
return {out and 1 or 0}
