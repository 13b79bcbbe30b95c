-- Gives permits to the first of the ids, as many as the pool allows.
-- ARGV[4...]  ids, at least one
-- Returns {granted, 1 if the one granted is the probe, the probe's id,
-- reason, since, retry_at}
-- Cost: O(ids * log permits), two commands per 500 ids
purge()
if q.state == "open" then
  local free = math.huge
  if q.rest then free = q.rest - outstanding() end
  local n, asked = 0, #ARGV - 3
  for first = 4, #ARGV, 500 do -- unpack has a limit
    local ids = {unpack(ARGV, first, math.min(first + 499, #ARGV))}
    local lapses = redis.call("ZMSCORE", KEYS[2], unpack(ids))
    local granted, args = {}, {}
    for i, id in ipairs(ids) do
      if not granted[id] and not (lapses[i] and tonumber(lapses[i]) > now) then
        if free < 1 then break end
        free = free - 1
      end
      granted[id] = true
      args[#args + 1] = num(now + ttl)
      args[#args + 1] = id
    end
    n = n + #args / 2
    grant(args)
    if #args < 2 * #ids then break end
  end
  if n == asked then return {n, 0, "", "", 0, 0} end
  return {n, 0, "", closure()}
end

-- The probe's owner asks again: its reply was lost.
if q.probe ~= "" and q.firm <= now and holds(q.probe) then
  for i = 4, #ARGV do
    if ARGV[i] == q.probe then
      grant({num(now + ttl), q.probe})
      return {1, 1, q.probe, closure()}
    end
  end
end
if now < q.retry_at then return {0, 0, "", closure()} end
-- A probe that was lost gives way to the next, so that one at most is out.
if q.probe ~= "" then redis.call("ZREM", KEYS[2], q.probe) end
q.state, q.probe, q.doubt, q.asked = "probing", ARGV[4], "", 0
q.retry_at = now + wait()
grant({num(now + ttl), q.probe})
save()
return {1, 1, q.probe, closure()}
