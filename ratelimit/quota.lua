-- Head of every quota script: reads the pool.
--
-- KEYS[1]  hash, fields absent = nil or 0:
--   state     open (absent) | closed | probing
--             open -> closed: close, refill with nothing left, settle of the
--             last permit that the count had
--             closed -> probing: take once retry_at has come, refill
--             closed, probing -> open: settle of a spent probe, refill of a
--             pool that was only exhausted, open
--             probing -> closed: close, refill with nothing left
--             An open pool's rest is thus unknown or above 0, and a closed one
--             always has a retry_at: no pool waits for somebody to look
--   reason    why it is not open; "exhausted" = by a count, ours or the
--             platform's, not by a refusal
--   since     ms since 1970, when it stopped being open
--   retry_at  ms, before it no (further) probe goes out
--   fails     probes refused since it stopped being open
--   probe     id of the probe that is out
--   doubt     what one refused probe says in two calls, in either order:
--             "returned" = the probe came back unspent, a close may follow;
--             "refused" = a close came while the probe is out
--   asked     ms, the wait that close asked for
--   firm      ms, before it nothing goes out, whatever a reading or a probe
--             that was out says: the longest wait that a refusal asked for
--   rest      permits left by the last reading less those spent since, at
--             least 0; absent = unknown, may be any number
--   limit     the reading's limit
--   seen      the reading's rest as read
--   read_at   ms, when it was read
--   failure   why the last try to read failed; a reading clears it
--   failed_at ms, when that was
--   spent     permits settled as spent, for ever
--   closings  times it stopped being open
--   opens     times an operator opened it
-- KEYS[2]  sorted set: permits out, id -> ms when it lapses
-- ARGV[1]  ms from a closing to the first probe
-- ARGV[2]  ms, cap of the growing wait
-- ARGV[3]  ms a permit lives
-- Cost: O(1) but where the operation says more; at most 100 lapsed permits
-- are purged per call, and lapsed ones are never counted.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local probe_after, probe_max, ttl = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local function num(n) return string.format("%.0f", n) end

local words = {"state", "reason", "probe", "doubt", "failure"}
local counts = {"since", "retry_at", "fails", "asked", "firm", "spent", "closings", "opens", "failed_at"}
local readings = {"rest", "limit", "seen", "read_at"} -- nil = unknown
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

-- outstanding is how many permits are out.
local function outstanding()
  return redis.call("ZCOUNT", KEYS[2], "(" .. num(now), "+inf")
end

local function purge()
  local lapsed = redis.call("ZRANGEBYSCORE", KEYS[2], "-inf", num(now), "LIMIT", 0, 100)
  if #lapsed > 0 then redis.call("ZREM", KEYS[2], unpack(lapsed)) end
end

-- holds says whether id has a permit that has not lapsed.
local function holds(id)
  local lapses = redis.call("ZSCORE", KEYS[2], id)
  return lapses and tonumber(lapses) > now
end

-- grant gives ids permits, or a fresh life to those they have; args are
-- {lapses, id, ...}. The set lives as long as its youngest member.
local function grant(args)
  if #args == 0 then return end
  redis.call("ZADD", KEYS[2], unpack(args))
  redis.call("PEXPIRE", KEYS[2], num(ttl))
end

-- wait is how long after a refusal the next probe may go.
local function wait()
  return math.min(probe_max, probe_after * 2 ^ math.min(q.fails, 30))
end

local function open()
  q.state, q.reason, q.probe, q.doubt = "open", "", "", ""
  q.since, q.retry_at, q.fails, q.asked, q.firm = 0, 0, 0, 0, 0
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

-- closure is the tail of an answer: {reason, since, retry_at}, the reason
-- being "" while permits can be had. An open pool whose whole count is out is
-- worth another look when the first permit lapses, or after a while.
local function closure()
  if q.state ~= "open" then return q.reason, q.since, q.retry_at end
  if not q.rest or q.rest > outstanding() then return "", 0, 0 end
  local first = redis.call("ZRANGEBYSCORE", KEYS[2], "(" .. num(now), "+inf", "WITHSCORES", "LIMIT", 0, 1)
  return "exhausted", q.read_at, math.min(now + probe_after, tonumber(first[2]))
end

