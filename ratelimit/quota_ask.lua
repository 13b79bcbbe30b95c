-- Second head of take and explain: what a pool may take now, and what binds it.
-- ARGV[5]  pool that asks
-- ARGV[6]  its cap for the month, 0 = none
-- ARGV[7]  its cap as percent of the limit, 0 = none
-- ARGV[8]  its cap for the day, 0 = none
-- ARGV[9]  number of shares; then for each the pool's name and its units. Of these and the
--          standing ones the larger counts
-- Cost: O(shares)
local pool, cap, percent, per_day = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local shares = tonumber(ARGV[9])
local first_id = 10 + 2 * shares
purge()
local out = outstanding()

local function out_of(name) return tonumber(redis.call("HGET", KEYS[4], name) or 0) end
local function spent_of(field) return tonumber(redis.call("HGET", KEYS[5], field) or 0) end

local share, names = {}, {}
local function keep(name, units)
  if name == pool then return end
  if not share[name] then names[#names + 1] = name end
  share[name] = math.max(share[name] or 0, tonumber(units))
end
for i = 10, first_id - 1, 2 do keep(ARGV[i], ARGV[i + 1]) end
local standing = redis.call("HGETALL", KEYS[8])
for i = 1, #standing, 2 do keep(standing[i], standing[i + 1]) end
table.sort(names)

-- What other pools' shares still lack this month: {pool, units, ...} and their sum.
local unmet, reserved = {}, 0
for _, name in ipairs(names) do
  local lacks = share[name] - spent_of("m:" .. name) - out_of(name)
  if lacks > 0 then
    reserved = reserved + lacks
    unmet[#unmet + 1] = name
    unmet[#unmet + 1] = num(lacks)
  end
end
local held = out_of(pool)
local used, used_today = spent_of("m:" .. pool) + held, spent_of("d:" .. pool) + held
if percent > 0 and q.limit then
  local units = math.floor(q.limit * percent / 100)
  cap = cap > 0 and math.min(cap, units) or units
end

-- room is how many more permits the pool may take, and what bounds that. Below 0, what it holds is
-- too much already: a reading or a share came in since. A probe finds
-- out whether a count of nothing is still true, but not with a unit that another pool's
-- share lacks.
local function room(probe)
  local n, kind = math.huge, ""
  local function bound(m, k)
    if m < n then n, kind = m, k end
  end
  if q.rest then
    if not probe or reserved > 0 then bound(q.rest - out, "exhausted") end
    if reserved > 0 then bound(q.rest - out - reserved, "reserved") end
  elseif metered then
    bound(reserved > 0 and -1 or probe and 1 or 1 - out, "unread")
  end
  if percent > 0 and not q.limit then bound(0, "unread") end
  if cap > 0 or percent > 0 and q.limit then bound(cap - used, "cap") end
  if per_day > 0 then bound(per_day - used_today, "per_day") end
  return n, kind
end

-- limit is the tail of an answer: {kind, reason, since, retry_at, left, limit, reserved,
-- used, bound, out, read_at, now, unmet}; kind "" = nothing binds.
local function limit(kind)
  local reason, since, retry_at = closure()
  local of, most = 0, 0
  if kind == "cap" then of, most = used, cap end
  if kind == "per_day" then
    of, most = used_today, per_day
    reason, since, retry_at = "", 0, (today + 1) * 86400000 - 8 * 3600000
  end
  if kind ~= "closed" and kind ~= "exhausted" and kind ~= "per_day" then reason, since, retry_at = "", 0, 0 end
  return kind, reason, since, retry_at, q.rest and math.max(0, q.rest - out) or 0, q.limit or 0,
    reserved, of, most, out, q.read_at or 0, now, unmet
end

-- halted is the kind of a pool that is not open. For every reason, once no refusal's wait
-- lasts and a reading shows nothing left, that is what more units end.
local function halted()
  if q.reason == "exhausted" or q.rest and q.rest < 1 and q.firm <= now then return "exhausted" end
  return "closed"
end

