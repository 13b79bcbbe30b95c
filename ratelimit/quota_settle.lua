-- Takes a permit back.
-- ARGV[4]  id
-- ARGV[5]  1 if it was spent
-- ARGV[6]  ms when it lapses, "" = whenever; a permit with another life is left alone
-- Returns {1 if the permit was still out, and is not any more}
local id, spent = ARGV[4], ARGV[5] == "1"
if ARGV[6] ~= "" and tonumber(redis.call("ZSCORE", KEYS[2], id) or 0) ~= tonumber(ARGV[6]) then return {0} end
local out = holds(id)
purge()
redis.call("ZREM", KEYS[2], id)
local before = q.rest
if spent then
  q.spent = q.spent + 1
  if q.rest then q.rest = math.max(0, q.rest - 1) end
end
if q.state == "probing" and q.probe == id then
  if spent and q.firm > now then
    shut(q.reason, q.firm - now) -- refused firmly since it went out
  elseif spent then
    open()
    -- Taken although the count said nothing is left: the count is out of
    -- date, a month has begun.
    if before and before < 1 then q.rest, q.limit, q.seen, q.read_at = nil, nil, nil, nil end
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
