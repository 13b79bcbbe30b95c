-- Reads, and changes nothing but what has lapsed or turned.
-- Returns {state, 1 if the allowance is known, rest, limit, permits out, spent, closings,
-- read_at, month, external, external_all, raised, unread, unread_since, now,
-- {pool, spent this month, today, permits out, ...}, reason, since, retry_at, tried,
-- {pool, standing share, ...}}
-- Cost: O(pools)
purge()
local pools, names = {}, {}
local function add(name, i, n)
  if not pools[name] then
    pools[name] = {0, 0, 0}
    names[#names + 1] = name
  end
  pools[name][i] = n
end
local books, outs = redis.call("HGETALL", KEYS[5]), redis.call("HGETALL", KEYS[4])
for i = 1, #books, 2 do
  add(string.sub(books[i], 3), string.sub(books[i], 1, 2) == "m:" and 1 or 2, books[i + 1])
end
for i = 1, #outs, 2 do
  if tonumber(outs[i + 1]) > 0 then add(outs[i], 3, outs[i + 1]) end
end
table.sort(names)
local list = {}
for _, name in ipairs(names) do
  list[#list + 1] = name
  for i = 1, 3 do list[#list + 1] = num(tonumber(pools[name][i])) end
end
local reason, since, retry_at = closure()
return {q.state, q.rest and 1 or 0, q.rest or 0, q.limit or 0, outstanding(), q.spent, q.closings,
  q.read_at or 0, q.month, q.external, q.external_all, q.raised, q.unread, q.unread_since, now, list, reason, since, retry_at, q.tried, redis.call("HGETALL", KEYS[8])}
