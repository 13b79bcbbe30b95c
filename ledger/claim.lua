-- claim gives assignments to the next pending targets of one stage, in order.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] stage  ARGV[3] first rank that may not start
-- ARGV[4] how many at most  ARGV[5] lease (ms)  ARGV[6] retry for an app that
-- another rollout works on (ms)  ARGV[7] "back" for those that have a call of unknown outcome to
-- read back, of any rank, and no others; "" for the others  ARGV[8..] just these appids
-- Returns {number of assignments, appid, fence, ..., appids to skip...}, fences as text; or
-- {-1, ms} while the server is in quarantine for so long; or {-1, -1} while a fault of the platform
-- stands. Read-backs are claimed also of a rollout that is paused or aborted; there they take no app
-- from another rollout.
-- Cost: O(n log targets). An app has one owner among all rollouts, from its
-- first assignment until its target ends, or until a rollout that outranks it takes the app
-- (contest; docs/priority.md): that target is parked then, as is one that has to wait. One that
-- the plan skips then is parked too, and named for who reads the reply to end. A lent app
-- (loan.lua) stays pending: the next claim looks at it again. What stands
-- in the index without being pending there, or without a record, is taken out: it
-- would hold up who comes after it.
local rollout, stage = ARGV[1], ARGV[2]
local back, moving = ARGV[7] == 'back', moves(rollout, stage)
if not moving and not (back and reads_back(rollout)) then return { '0' } end
if redis.call('EXISTS', root .. 'fault') == 1 then return { '-1', '-1' } end
local wait = quarantine(tonumber(ARGV[5]))
if wait > 0 then return { '-1', int(wait) } end
local retry = tonumber(ARGV[6])
local apps = {}
if #ARGV > 7 then
  for i = 8, #ARGV do apps[#apps + 1] = ARGV[i] end
else
  local first, last = '0', '(' .. ARGV[3]
  -- What a version before this one marked stands at its rank.
  if back then first, last = '-inf', moving and '(0' or '+inf' end
  apps = redis.call('ZRANGEBYSCORE', root .. 'ready:' .. rollout .. ':' .. stage, first, last, 'LIMIT', 0, tonumber(ARGV[4]))
end

-- oust parks the target of the owner from which an app is taken.
local function oust(owner, appid, t)
  local from = stand(owner, appid, t)
  t.version = t.version + 1
  t.state, t.reason, t.due = 'parked', 'owner', now_ms + retry
  move(owner, appid, t, from)
end

local lending = redis.call('ZCARD', root .. 'loans') > 0
local out, skip = { '' }, {}
for i, appid in ipairs(apps) do
  local t = load(rollout, appid)
  if not t or t.state ~= 'pending' or t.stage ~= stage then
    redis.call('ZREM', root .. 'ready:' .. rollout .. ':' .. stage, appid)
  elseif (back or t.rank < tonumber(ARGV[3])) and not (lending and lent(appid)) and back == (t.reason == 'unknown') then
    local from = stand(rollout, appid, t)
    t.version = t.version + 1
    local decision, owner, theirs = contest(rollout, appid, stage)
    if not moving and decision ~= 'go' then decision = 'wait' end
    if decision == 'go' or decision == 'take' then
      if decision == 'take' then oust(owner, appid, theirs) end
      if owner ~= rollout then redis.call('HSET', root .. 'owners', appid, rollout) end
      -- Time-based and growing: unique even if Redis lost its last second.
      t.fence = math.max(t.fence + 1, now_us + i)
      t.state, t.reason, t.due = 'running', '', now_ms + tonumber(ARGV[5])
      out[#out + 1] = appid
      out[#out + 1] = int(t.fence)
    else
      t.state, t.reason, t.due = 'parked', status(rollout) == 'aborted' and 'unknown' or 'owner', contested(decision, retry)
      if decision == 'skip' then skip[#skip + 1] = appid end
    end
    move(rollout, appid, t, from)
  end
end
out[1] = int((#out - 1) / 2)
for _, appid in ipairs(skip) do out[#out + 1] = appid end
return out
