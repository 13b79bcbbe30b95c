-- Prelude of every ledger script: the record's header, the indexes, the counts.
--
-- A target is one field (the appid) of the hash t:<rollout>. Its value is
--   stage|state|reason|fence|version|due|rank|body
-- fence: server time in us of its newest assignment; due: server time in ms; body: JSON,
-- of which scripts read only whether an intent is open. A target stands in exactly one index:
--   pending -> ready:<rollout>:<stage> (score rank; less READ_BACK with the reason "unknown", so
--              that what is to be read back is found before all that waits for a permit)
--   running -> leases:<queue>           (score due = end of the lease)
--   parked  -> wake                    (score due = wake time)
--   ended   -> none
-- KEYS[1] is always the tag's root key "wxr:{ledger}:"; every other key is made
-- from it, so that all keys share the tag's slot.
local root = KEYS[1]
local QUEUE = { preflight = 'commit', commit = 'commit', check = 'commit',
               submit = 'audit', verdict = 'audit', release = 'release', undo = 'release' }
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now_ms = math.floor(now_us / 1000)
local RANK_PER_WAVE = 10000000
local READ_BACK = 1000000000000 -- above any rank

-- Whole numbers are written with %d, which costs a third of %.0f; all of ours are far below 2^53.
local function int(n) return string.format('%d', n) end

local function parse(v)
  if not v then return nil end
  local stage, state, reason, fence, version, due, rank, body =
    string.match(v, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|(.*)$')
  return { stage = stage, state = state, reason = reason, fence = tonumber(fence),
           version = tonumber(version), due = tonumber(due), rank = tonumber(rank), body = body }
end

local function format(t)
  return string.format('%s|%s|%s|%d|%d|%d|%d|%s',
                       t.stage, t.state, t.reason, t.fence, t.version, t.due, t.rank, t.body)
end

local function member(rollout, appid) return rollout .. ' ' .. appid end

-- cell is the name of the count that a target is in.
local function cell(t)
  return string.format('%d|%s|%s|%s', math.floor(t.rank / RANK_PER_WAVE), t.stage, t.state, t.reason)
end

-- ready is the score of a pending target in its index.
local function ready(t)
  return t.reason == 'unknown' and t.rank - READ_BACK or t.rank
end

-- stand is where a target stands: the cell that counts it, and its index (nil if
-- it has ended) with its name there and its score.
local function stand(rollout, appid, t)
  local at = { cell = cell(t) }
  if t.state == 'pending' then
    at.index, at.name, at.score = root .. 'ready:' .. rollout .. ':' .. t.stage, appid, ready(t)
  elseif t.state == 'running' then
    at.index, at.name, at.score = root .. 'leases:' .. QUEUE[t.stage], member(rollout, appid), t.due
  elseif t.state == 'parked' then
    at.index, at.name, at.score = root .. 'wake', member(rollout, appid), t.due
  end
  return at
end

-- move stores a changed target and takes it from where it stood (nil if it is
-- new) to its current place. "moves" shows a consistency check whether any count changed
-- while it looked. It takes away first, also where it adds again at once: a Redis
-- out of memory lets a script go on whose first write frees something.
-- Returns the record.
local function move(rollout, appid, t, from)
  local to = stand(rollout, appid, t)
  if from and from.index then redis.call('ZREM', from.index, from.name) end
  if to.index then
    redis.call('ZADD', to.index, int(to.score), to.name)
  elseif redis.call('HGET', root .. 'owners', appid) == rollout then
    redis.call('HDEL', root .. 'owners', appid)
  end
  if not from or from.cell ~= to.cell then
    local counts = root .. 'n:' .. rollout
    if from and redis.call('HINCRBY', counts, from.cell, -1) == 0 then redis.call('HDEL', counts, from.cell) end
    redis.call('HINCRBY', counts, to.cell, 1)
    redis.call('HINCRBY', root .. 'r:' .. rollout, 'moves', 1)
  end
  local record = format(t)
  redis.call('HSET', root .. 't:' .. rollout, appid, record)
  return record
end

-- sound is a target whose record holds a place; nil for any other.
local function sound(t)
  if t and QUEUE[t.stage] and t.fence and t.version and t.due and t.rank then return t end
end

-- load reads a target; nil if there is none, or a record that holds no place: what a
-- script can't move it steps over, and check --deep names it.
local function load(rollout, appid)
  return sound(parse(redis.call('HGET', root .. 't:' .. rollout, appid)))
end

-- open reports whether a call of a target has an unknown outcome: an intent. It is
-- all that scripts read of a body. In a JSON text the quotes of a string are escaped, so that
-- no label or note looks like this key.
local function open(t)
  return string.find(t.body, '"intent":{', 1, true) ~= nil
end

-- pend makes a target pending: with the reason "unknown" if a call of it is to be read back.
local function pend(t)
  t.state, t.reason, t.due = 'pending', open(t) and 'unknown' or '', 0
end

local function status(rollout)
  return redis.call('HGET', root .. 'r:' .. rollout, 'status') or ''
end

-- moves reports whether targets at a stage get assignments and may make calls: see
-- rollout.Status.Moves.
local function moves(rollout, stage)
  local s = status(rollout)
  return s == 'running' or (stage == 'undo' and (s == 'paused' or s == 'aborted'))
end

-- reads_back reports whether targets get assignments to read back a call of unknown outcome: see
-- rollout.Rollout.ReadBacks.
local function reads_back(rollout)
  local s = status(rollout)
  return s == 'running' or s == 'paused' or s == 'aborted'
end

-- shut reports whether a gate that tripped holds a target: see rollout.Rollout.Reach.
local BEFORE_AUDIT = { preflight = true, commit = true, check = true, submit = true }
local function shut(rollout, t)
  local wave = BEFORE_AUDIT[t.stage] and redis.call('HGET', root .. 'r:' .. rollout, 'shut')
  return wave and t.rank >= (tonumber(wave) + 1) * RANK_PER_WAVE
end

local function ended(state)
  return state ~= 'pending' and state ~= 'running' and state ~= 'parked'
end

-- unfinished counts the targets of a rollout that have not ended. Cost: O(cells).
local function unfinished(rollout)
  local n = 0
  local counts = redis.call('HGETALL', root .. 'n:' .. rollout)
  for i = 1, #counts, 2 do
    -- Treat an unreadable count as one unfinished target.
    if not ended(string.match(counts[i], '^[^|]*|[^|]*|([^|]*)|')) then n = n + (tonumber(counts[i + 1]) or 1) end
  end
  return n
end

-- log remembers a change of a rollout, the last thousand.
local function log(id, from, to, by, why, verb, more)
  local entry = more or {}
  entry.at, entry.from, entry.to, entry.by, entry.why, entry.verb = now_ms, from, to, by, why, verb
  redis.call('RPUSH', root .. 'log:' .. id, cjson.encode(entry))
  redis.call('LTRIM', root .. 'log:' .. id, -1000, -1)
end

-- armed is when schedule_due is to find a schedule: at its next run, or never
-- while it is loading, paused or has none.
local function armed(name)
  local s = redis.call('HMGET', root .. 's:' .. name, 'sealed', 'paused', 'next')
  local at = s[3]
  if s[1] ~= '1' or s[2] == '1' or at == '0' then at = '+inf' end
  return at
end

-- arm puts a schedule where schedule_due finds it.
local function arm(name)
  redis.call('ZADD', root .. 'schedules', armed(name), name)
end

-- rival is another unfinished rollout that has the name; a load that no writer
-- touched for stale ms gave it up. Returns its id and status, or nil.
local function rival(id, name, stale)
  local other = redis.call('HGET', root .. 'names', name)
  if not other or other == id then return nil end
  local s = status(other)
  if s == '' or s == 'done' or s == 'aborted' then return nil end
  -- The clock may have stepped back since it was touched.
  local touched = tonumber(redis.call('HGET', root .. 'r:' .. other, 'touched') or '0')
  if s == 'loading' and math.abs(now_ms - touched) > stale then return nil end
  return other, s
end

-- far is how many ms after now no lease ends that was given by this clock: a lease may
-- last longer than asked by a stall, and workers may have different settings. What ends
-- later was given before the clock stepped back.
local function far(lease) return math.max(4 * lease, lease + 300000) end

-- quarantine is how many ms assignments have to wait because this server is another
-- one than that which gave the last assignment, or was started again: its newest
-- writes may be lost, and with them who has which assignment. Whoever calls WeChat by
-- such an assignment is done within one lease; a caller that doesn't know it (0) takes the
-- one that was last known. A server that doesn't show its run_id
-- (miniredis) is never in quarantine. Cost: O(1), about 5 us.
local LEASE_UNKNOWN = 300000
local function quarantine(lease)
  local info = redis.pcall('INFO', 'server')
  local id = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
  if not id then return 0 end
  local known = redis.call('HMGET', root .. 'server', 'run_id', 'until', 'lease', 'wait')
  if known[1] == id then
    local left = math.max(0, tonumber(known[2]) - now_ms)
    local most = tonumber(known[4] or known[3]) or LEASE_UNKNOWN
    if left <= most then return left end
    redis.call('HSET', root .. 'server', 'until', int(now_ms + most)) -- the clock stepped back
    return most
  end
  if lease > 0 then
    redis.call('HSET', root .. 'server', 'lease', int(lease))
  else
    lease = tonumber(known[3]) or LEASE_UNKNOWN
  end
  local wait = known[1] and lease or 0
  redis.call('HSET', root .. 'server', 'run_id', id, 'until', int(now_ms + wait), 'wait', int(wait))
  return wait
end

-- plan is what the scripts need of a rollout's plan. A rollout that was created before there
-- were such fields has them in its plan alone.
local plans = {}
local function plan(id)
  if plans[id] then return plans[id] end
  local r = redis.call('HMGET', root .. 'r:' .. id, 'status', 'priority', 'conflict', 'version', 'created', 'plan', 'name')
  local p = { id = id, status = r[1] or '', priority = tonumber(r[2]), conflict = r[3] or '', version = r[4],
              created = tonumber(r[5] or '') or 0, name = r[7] or '' }
  if not (p.priority and p.version) then
    local ok, full = pcall(cjson.decode, r[6] or '')
    full = ok and type(full) == 'table' and full or {}
    local quota = type(full.quota) == 'table' and full.quota or {}
    local template = type(full.template) == 'table' and full.template or {}
    local bulk = (quota.pool or '') == '' or quota.pool == 'bulk'
    p.priority = p.priority or tonumber(full.priority) or (bulk and 0 or 100)
    p.version = p.version or template.version or ''
  end
  plans[id] = p
  return p
end

-- later reports whether rollout a was created after b.
local function later(a, b)
  if a.created ~= b.created then return a.created > b.created end
  return a.id > b.id
end

-- follows reports whether rollout a is a later run of what rollout b was a run of: it took the
-- name of b (create.lua), and replaces it app by app.
local function follows(a, b)
  return a.name ~= '' and a.name == b.name and later(a, b)
end

-- outranks reports whether rollout a may take an app from b where b only waits. No two rollouts
-- outrank each other, so that no app goes to and fro.
local function outranks(a, b)
  if a.priority ~= b.priority then return a.priority > b.priority end
  return a.conflict == 'supersede' and later(a, b)
end

-- stays reports whether a target keeps its app though it has no assignment: what a call did is
-- not known, a gray release runs, or it is about to be undone.
local function stays(t)
  -- A column of the app list called gray has a text, not a number.
  return open(t) or (t.stage == 'release' and string.find(t.body, '"gray":%d') ~= nil)
      or (t.stage == 'undo' and t.state == 'pending')
end

-- contest is what a target that wants its app at a stage has to do about the app's owner: "go"
-- on, "take" it, "wait", "hurry" (wait for the end of an assignment or an unknown reply, to take
-- it then) or "skip". Returns that, the owner's id and its target.
local function contest(rollout, appid, stage)
  local owner = redis.call('HGET', root .. 'owners', appid)
  if not owner or owner == rollout then return 'go', owner end
  local t = load(owner, appid)
  local s = plan(owner).status
  if s ~= 'running' and s ~= 'paused' and s ~= 'scheduled' then
    -- It has ended: only an assignment that was given before may still act, and a call of unknown
    -- outcome is read back first.
    local acts = t and t.state == 'running' and t.due > now_ms
    local back = t and s == 'aborted' and not ended(t.state) and open(t)
    return (acts or back) and 'wait' or 'go', owner, t
  end
  if t and ended(t.state) or not t and redis.call('HEXISTS', root .. 't:' .. owner, appid) == 0 then
    return 'go', owner, t
  end
  local merchant = t and t.state == 'parked' and t.reason == 'merchant' and t.stage ~= 'undo'
  if not outranks(plan(rollout), plan(owner)) and not (merchant and follows(plan(rollout), plan(owner))) then
    return plan(rollout).conflict == 'skip' and stage ~= 'undo' and 'skip' or 'wait', owner, t
  end
  if not t then return 'wait', owner, t end -- a record that can't be read says nothing
  if t.state == 'running' or stays(t) then return 'hurry', owner, t end
  return 'take', owner, t
end

-- contested is when a target looks again at an app that it has to wait for (ms); retry is the
-- usual wait.
local HURRY = 2000
local function contested(decision, retry)
  if decision == 'hurry' then return now_ms + math.min(retry, HURRY) end
  return now_ms + retry
end

-- The releases of an app, newest created first: lines of rollout|created (ms)|version.
local RELEASES_MAX = 5
local function releases(appid)
  local list = {}
  for line in string.gmatch(redis.call('HGET', root .. 'released', appid) or '', '[^\n]+') do
    local id, created, version = string.match(line, '^([^|]*)|(%d+)|(.*)$')
    if id then list[#list + 1] = { id = id, created = tonumber(created), version = version } end
  end
  return list
end

-- forget takes a rollout's release of an app away. Returns the releases that are left, and
-- whether it was among them.
local function forget(rollout, appid)
  local list, left = releases(appid), {}
  for _, r in ipairs(list) do
    if r.id ~= rollout then left[#left + 1] = r end
  end
  return left, #left < #list
end

local function keep(appid, list)
  local lines = {}
  for i = 1, math.min(#list, RELEASES_MAX) do
    local r = list[i]
    lines[i] = r.id .. '|' .. int(r.created) .. '|' .. r.version
  end
  if #lines == 0 then
    redis.call('HDEL', root .. 'released', appid)
  else
    redis.call('HSET', root .. 'released', appid, table.concat(lines, '\n'))
  end
end

-- release remembers that a rollout made a version of an app live.
local function release(rollout, appid, version)
  local list = forget(rollout, appid)
  version = string.gsub(version, '[%c]', ' ')
  list[#list + 1] = { id = rollout, created = plan(rollout).created, version = version }
  table.sort(list, later)
  keep(appid, list)
end

-- lent is when the loan of an app ends (ms); nil if it is not lent. A clock that went back
-- makes no loan longer than LOAN_MAX.
local LOAN_MAX = 60000
local function lent(appid)
  local till = tonumber(redis.call('ZSCORE', root .. 'loans', appid) or '0')
  if till <= now_ms then return nil end
  if till > now_ms + LOAN_MAX then
    till = now_ms + LOAN_MAX
    redis.call('ZADD', root .. 'loans', int(till), appid)
  end
  return till
end
