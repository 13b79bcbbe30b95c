-- Gives permits to the first of the ids, as many as the pool allows.
-- ARGV[4...]  ids, at least one
-- Returns {granted, 1 if the one granted is the probe, the probe's id,
-- reason, since, retry_at}
-- Cost: O(ids * log permits)
purge()
if q.state == "open" then
  local free = math.huge
  if q.rest then free = q.rest - outstanding() end
  local n = 0
  for i = 4, #ARGV do
    if not holds(ARGV[i]) then
      if free < 1 then break end
      free = free - 1
    end
    grant(ARGV[i])
    n = n + 1
  end
  if n == #ARGV - 3 then return {n, 0, "", "", 0, 0} end
  return {n, 0, "", closure()}
end

-- The probe's owner asks again: its reply was lost.
if q.probe ~= "" and holds(q.probe) then
  for i = 4, #ARGV do
    if ARGV[i] == q.probe then
      grant(q.probe)
      return {1, 1, q.probe, closure()}
    end
  end
end
if now < q.retry_at then return {0, 0, "", closure()} end
-- A probe that was lost gives way to the next, so that one at most is out.
if q.probe ~= "" then redis.call("ZREM", KEYS[2], q.probe) end
q.state, q.probe, q.doubt, q.asked = "probing", ARGV[4], "", 0
q.retry_at = now + wait()
grant(q.probe)
save()
return {1, 1, q.probe, closure()}
