-- Head of every quota script: reads the pool, and starts a new month or day in its books.
--
-- KEYS[1]  hash, fields absent = nil or 0:
--   state     open (absent) | closed | probing
--             open -> closed: close, refused, refill with nothing left, settle of
--             the last permit that the count had
--             closed -> probing: take once retry_at has come
--             closed, probing -> open: settle of a spent probe, refill of a pool
--             that a count or a refusal for lack of quota closed, open
--             probing -> closed: close, refused, refill with nothing left
--             An open pool's rest is thus unknown or above 0, and a closed one
--             always has a retry_at: no pool waits for a reader
--   reason    why it is not open; "exhausted" = by a count, ours or the
--             platform's, not by a refusal
--   quota     1 = the refusal was for lack of quota: a reading that shows units ends it
--   since     ms since 1970, when it stopped being open
--   retry_at  ms, before it no (further) probe goes out
--   fails     probes refused, and openings by a reading that a refusal contradicted,
--             since the last unit that was spent
--   probe     id of the probe that is out
--   doubt     what one refused probe says in two calls, in either order:
--             "returned" = the probe came back unspent, a close may follow;
--             "refused" = a close came while the probe is out
--   tried     one a line: probes, and who was refused, since it stopped being open; the
--             newest last, at most 32
--   asked     ms, the wait that close asked for
--   firm      ms, before it nothing goes out, with any reading or a probe
--             that was out says: the longest wait that a refusal asked for
--   rest      permits left by the last reading less those spent since, at
--             least 0; absent = unknown, may be any number
--   limit     the reading's limit
--   seen      the reading's rest as read
--   read_at   ms, when it was read
--   asked_at  the spent counter before the platform was asked for that reading
--   base      what a reading would say without spending by others: the first reading of the
--             month less what was spent since, and less or plus what readings since
--             proved to be external or raised
--   external  units of this month that others spent; external_all: ever
--   raised    units of this month that the readings showed beyond base
--   unread    why the last attempt to read failed; unread_since: ms, the first one since
--             the last reading
--   spent     permits settled as spent, for ever
--   closings  times it stopped being open
--   opens     times an operator opened it
--   month     year * 100 + month of the books, in UTC+8; it never goes back
--   day       days since 1970 in UTC+8
--   clock     ms, when this was written
-- KEYS[2]  sorted set: permits out, id -> ms when it lapses
-- KEYS[3]  hash: permits out, id -> its pool
-- KEYS[4]  hash: pool -> how many permits it has out; expires with KEYS[2] and KEYS[3]
-- KEYS[5]  hash of this month: "m:"pool -> units spent, "d:"pool -> units spent today
-- KEYS[6]  set: apps that were refused for lack of quota since the last spent unit, at most 3
-- KEYS[7]  hash of this month: id -> a unit that was counted for a call whose reply was lost and
--          whose effect is still unknown; see settle
-- KEYS[8]  hash: pool -> units of its standing share, of which every ask leaves what it lacks
-- ARGV[1]  ms from a closing to the first probe
-- ARGV[2]  ms, cap of the growing wait
-- ARGV[3]  ms a permit lives
-- ARGV[4]  1 = the pool is metered: while it is unread, one permit at a time
-- Cost: O(1) but where the operation says more, and O(log permits) per lapsed permit,
-- once; O(pools) once a day.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local probe_after, probe_max, ttl, metered = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == "1"

local function num(n) return string.format("%.0f", n) end

local words = {"state", "reason", "probe", "doubt", "unread", "tried"}
local counts = {
  "since", "retry_at", "fails", "asked", "firm", "spent", "closings", "opens", "quota",
  "external", "external_all", "raised", "unread_since", "month", "day", "clock", "asked_at",
}
local readings = {"rest", "limit", "seen", "read_at", "base"} -- nil = unknown
local q = {}
do
  local function read(names, convert)
    local got = redis.call("HMGET", KEYS[1], unpack(names))
    for i, name in ipairs(names) do q[name] = convert(got[i]) end
  end
  read(words, function(v) return v or "" end)
  read(counts, function(v) return tonumber(v or 0) end)
  read(readings, function(v) return v and tonumber(v) or nil end)
end
if q.state == "" then q.state = "open" end

local function save()
  q.clock = now
  local set, gone = {}, {}
  local function put(name, v)
    if v then
      set[#set + 1] = name
      set[#set + 1] = v
    else
      gone[#gone + 1] = name
    end
  end
  for _, name in ipairs(words) do put(name, q[name] ~= "" and q[name]) end
  for _, name in ipairs(counts) do put(name, q[name] ~= 0 and num(q[name])) end
  for _, name in ipairs(readings) do put(name, q[name] and num(q[name])) end
  redis.call("HSET", KEYS[1], unpack(set))
  if #gone > 0 then redis.call("HDEL", KEYS[1], unpack(gone)) end
end

-- A clock that stepped back leaves times in the future: they come nearer by as much, once,
-- so that no wait is longer than it was asked for.
if q.clock > now then
  for _, name in ipairs({"since", "retry_at", "firm", "read_at", "unread_since"}) do
    if q[name] and q[name] > 0 then q[name] = math.max(1, q[name] - (q.clock - now)) end
  end
  save()
end

-- Nor does a permit live longer than it was given for; processes may give them for
-- different times.
repeat
  local ahead = redis.call("ZRANGEBYSCORE", KEYS[2], "(" .. num(now + 2 * ttl), "+inf", "LIMIT", 0, 500)
  local near = {}
  for _, id in ipairs(ahead) do
    near[#near + 1] = num(now + ttl)
    near[#near + 1] = id
  end
  if #near > 0 then redis.call("ZADD", KEYS[2], unpack(near)) end
until #ahead < 500

-- month_of is the month of a day since 1970 in the Gregorian calendar, by Hinnant's
-- civil_from_days.
local function month_of(days)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local m = math.floor((5 * doy + 2) / 153)
  m = m < 10 and m + 3 or m - 9
  return (yoe + era * 400 + (m <= 2 and 1 or 0)) * 100 + m
end

local function forget_reading() q.rest, q.limit, q.seen, q.read_at, q.base = nil, nil, nil, nil, nil end

-- A new month begins with empty books and an unknown rest: WeChat sets a new quota. The
-- books only turn forward, so that a clock that steps back gives no unit twice.
local today = math.floor((now / 1000 + 8 * 3600) / 86400)
do
  local month = month_of(today)
  if q.month == 0 then
    q.month, q.day = month, today
  elseif month > q.month then
    q.month, q.day, q.external, q.raised = month, today, 0, 0
    forget_reading()
    redis.call("DEL", KEYS[5], KEYS[7])
    save()
  elseif today > q.day then
    q.day = today
    local gone = {}
    for _, name in ipairs(redis.call("HKEYS", KEYS[5])) do
      if string.sub(name, 1, 2) == "d:" then gone[#gone + 1] = name end
    end
    if #gone > 0 then redis.call("HDEL", KEYS[5], unpack(gone)) end
    save()
  end
end

-- outstanding is how many permits are out.
local function outstanding()
  return redis.call("ZCOUNT", KEYS[2], "(" .. num(now), "+inf")
end

-- purge takes out what has lapsed.
local function purge()
  repeat
    local lapsed = redis.call("ZRANGEBYSCORE", KEYS[2], "-inf", num(now), "LIMIT", 0, 500)
    if #lapsed == 0 then return end
    local pools = redis.call("HMGET", KEYS[3], unpack(lapsed))
    redis.call("ZREM", KEYS[2], unpack(lapsed))
    redis.call("HDEL", KEYS[3], unpack(lapsed))
    local lost = {}
    for i in ipairs(lapsed) do
      if pools[i] then lost[pools[i]] = (lost[pools[i]] or 0) + 1 end
    end
    for pool, n in pairs(lost) do redis.call("HINCRBY", KEYS[4], pool, -n) end
  until #lapsed < 500
end

-- holds says whether id has a permit that has not lapsed.
local function holds(id)
  local lapses = redis.call("ZSCORE", KEYS[2], id)
  return lapses and tonumber(lapses) > now
end

-- grant gives ids permits, or a fresh life to those they have; lives are {lapses, id,
-- ...} of all, fresh are {id, pool, ...} of those that had none. The keys live as long
-- as the youngest permit.
local function grant(pool, lives, fresh)
  if #lives == 0 then return end
  redis.call("ZADD", KEYS[2], unpack(lives))
  if #fresh > 0 then
    redis.call("HSET", KEYS[3], unpack(fresh))
    redis.call("HINCRBY", KEYS[4], pool, #fresh / 2)
  end
  for i = 2, 4 do redis.call("PEXPIRE", KEYS[i], num(ttl)) end
end

-- drop takes id's permit out.
local function drop(id)
  if redis.call("ZREM", KEYS[2], id) == 0 then return end
  local pool = redis.call("HGET", KEYS[3], id)
  if not pool then return end
  redis.call("HDEL", KEYS[3], id)
  redis.call("HINCRBY", KEYS[4], pool, -1)
end

-- wait is how long after a refusal the next probe may go.
local function wait()
  return math.min(probe_max, probe_after * 2 ^ math.min(q.fails, 30))
end

local function open()
  q.state, q.reason, q.probe, q.doubt, q.tried = "open", "", "", "", ""
  q.since, q.retry_at, q.fails, q.asked, q.firm, q.quota = 0, 0, 0, 0, 0, 0
end

-- try notes a probe, or the refused app, so that another one probes next.
local function try(who)
  local list = {}
  for one in string.gmatch(q.tried, "[^\n]+") do
    if one ~= who then list[#list + 1] = one end
  end
  list[#list + 1] = who
  q.tried = table.concat(list, "\n", math.max(1, #list - 31))
end

-- shut stops the pool for after ms; one that is not open only stays shut.
local function shut(reason, after)
  if q.state == "open" then
    q.since = now
    q.closings = q.closings + 1
  end
  q.state, q.reason, q.probe, q.doubt = "closed", reason, "", ""
  q.retry_at, q.asked = now + after, 0
end

-- refused shuts the pool again after a probe that the platform refused.
local function refused(reason, after)
  q.fails = q.fails + 1
  if after == 0 then after = wait() end
  shut(reason, after)
end

-- refusal closes the pool for a refused call; after 0 leaves the wait to the pool.
local function refusal(reason, after)
  if after > 0 then q.firm = math.max(q.firm, now + after) end
  if q.state == "open" then
    shut(reason, after > 0 and after or wait())
  elseif q.doubt == "returned" then
    refused(reason, after)
  else
    -- One more reply of the same closing. It may name a better reason than our
    -- own count, and a longer wait.
    if q.reason == "exhausted" then q.reason = reason end
    if q.probe ~= "" then
      q.doubt, q.reason, q.asked = "refused", reason, math.max(q.asked, after)
    end
    if after > 0 and now + after > q.retry_at then
      q.reason, q.retry_at = reason, now + after
    end
  end
end

-- closure is the tail of an answer: {reason, since, retry_at}, the reason
-- being "" while permits can be had. An open pool whose whole count is out is
-- worth another look when the first permit lapses, or after a while.
local function closure()
  if q.state ~= "open" then return q.reason, q.since, q.retry_at end
  if not q.rest or q.rest > outstanding() then return "", 0, 0 end
  local first = redis.call("ZRANGEBYSCORE", KEYS[2], "(" .. num(now), "+inf", "WITHSCORES", "LIMIT", 0, 1)
  return "exhausted", q.read_at, math.min(now + probe_after, tonumber(first[2]))
end

