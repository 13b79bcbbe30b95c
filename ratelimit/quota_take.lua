-- Gives permits to the first of the ids, as many as the pool allows.
-- ARGV[first_id...]  ids, at least one
-- Returns {granted, 1 if the one granted is the probe, the probe's id, then limit's tail:
-- why not all were granted, or why the probe is one}
-- Cost: O(shares + ids * log permits), four commands per 500 ids
if q.state == "open" then
  local free, kind = room(false)
  local n, asked = 0, #ARGV - first_id + 1
  for first = first_id, #ARGV, 500 do -- unpack has a limit
    local ids = {unpack(ARGV, first, math.min(first + 499, #ARGV))}
    local lapses = redis.call("ZMSCORE", KEYS[2], unpack(ids))
    local granted, lives, fresh = {}, {}, {}
    for i, id in ipairs(ids) do
      if granted[id] or lapses[i] and tonumber(lapses[i]) > now then
        if free < 0 then break end -- given again, it would be used after what bounds it now
      else
        if free < 1 then break end
        free = free - 1
        fresh[#fresh + 1] = id
        fresh[#fresh + 1] = pool
      end
      granted[id] = true
      lives[#lives + 1] = num(now + ttl)
      lives[#lives + 1] = id
    end
    n = n + #lives / 2
    used, used_today = used + #fresh / 2, used_today + #fresh / 2
    grant(pool, lives, fresh)
    if #lives < 2 * #ids then break end
  end
  if n == asked then return {n, 0, "", limit("")} end
  out = outstanding()
  return {n, 0, "", limit(kind)}
end

-- The probe's owner asks again: its reply was lost.
if q.probe ~= "" and q.firm <= now and holds(q.probe) then
  for i = first_id, #ARGV do
    if ARGV[i] == q.probe then
      grant(pool, {num(now + ttl), q.probe}, {})
      return {1, 1, q.probe, limit(halted())}
    end
  end
end
if now < q.retry_at then return {0, 0, "", limit(halted())} end
local free, kind = room(true)
if free < 1 then return {0, 0, "", limit(kind)} end
-- A probe that was lost gives way to the next, so that one at most is out.
if q.probe ~= "" then drop(q.probe) end
q.state, q.probe, q.doubt, q.asked = "probing", ARGV[first_id], "", 0
q.retry_at = now + wait()
try(q.probe)
local had = holds(q.probe)
grant(pool, {num(now + ttl), q.probe}, had and {} or {q.probe, pool})
save()
return {1, 1, q.probe, limit(halted())}
