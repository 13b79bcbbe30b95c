-- claim gives turns to the next pending targets of one stage, in order.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] stage  ARGV[3] first rank that may not start
-- ARGV[4] how many at most  ARGV[5] lease (ms)  ARGV[6] retry for an app that
-- another rollout works on (ms)  ARGV[7..] just these appids, if given
-- Returns {appid, fence, appid, fence, ...}, fences as text; or {"", ms} while
-- the server is in quarantine for so long; or {"", -1} while a fault of the platform stands.
-- Of an aborted rollout, only what sweep.lua marked to be read back gets assignments.
-- Cost: O(n log targets). An app has one owner among all rollouts, from its
-- first turn until its target ends; a target of another rollout is parked. A lent app
-- (loan.lua) stays pending: the next claim looks at it again. What stands
-- in the index without being pending there, or without a record, is taken out: it
-- would hold up who comes after it.
local rollout, stage = ARGV[1], ARGV[2]
local back = reads_back(rollout, stage)
if not back and not moves(rollout, stage) then return {} end
if redis.call('EXISTS', root .. 'fault') == 1 then return { '', -1 } end
local wait = quarantine(tonumber(ARGV[5]))
if wait > 0 then return { '', int(wait) } end
local apps = {}
if #ARGV > 6 then
  for i = 7, #ARGV do apps[#apps + 1] = ARGV[i] end
else
  apps = redis.call('ZRANGEBYSCORE', root .. 'ready:' .. rollout .. ':' .. stage,
                    '-inf', '(' .. ARGV[3], 'LIMIT', 0, tonumber(ARGV[4]))
end

-- held tells whether another rollout may still act on the app.
local function held(owner, appid)
  if not owner or owner == rollout then return false end
  local s = status(owner)
  if s == 'running' or s == 'paused' or s == 'scheduled' then return true end
  local o = s == 'aborted' and load(owner, appid)
  if o and not ended(o.state) and open(o) then return true end -- it is read back first
  for _, lane in ipairs({ 'commit', 'audit', 'release' }) do
    local due = redis.call('ZSCORE', root .. 'leases:' .. lane, member(owner, appid))
    if due and tonumber(due) > now_ms then return true end
  end
  return false
end

local lending = redis.call('ZCARD', root .. 'loans') > 0
local out = {}
for i, appid in ipairs(apps) do
  local t = load(rollout, appid)
  if not t or t.state ~= 'pending' or t.stage ~= stage then
    redis.call('ZREM', root .. 'ready:' .. rollout .. ':' .. stage, appid)
  elseif t.rank < tonumber(ARGV[3]) and not (lending and lent(appid)) and (not back or t.reason == 'unknown') then
    local from = stand(rollout, appid, t)
    t.version = t.version + 1
    local owner = redis.call('HGET', root .. 'owners', appid)
    if held(owner, appid) then
      t.state, t.reason, t.due = 'parked', back and 'unknown' or 'owner', now_ms + tonumber(ARGV[6])
    else
      if owner ~= rollout then redis.call('HSET', root .. 'owners', appid, rollout) end
      -- Time-based and growing: unique even if Redis lost its last second.
      t.fence = math.max(t.fence + 1, now_us + i)
      t.state, t.reason, t.due = 'running', '', now_ms + tonumber(ARGV[5])
      out[#out + 1] = appid
      out[#out + 1] = int(t.fence)
    end
    move(rollout, appid, t, from)
  end
end
return out
