-- repair_targets puts targets into the index that their record asks for and out of
-- all others, settles who owns them, and brings a wake time or a lease near that
-- is absurdly far. Stage, state and reason stay as they are, and so do the
-- counts. What is sound by now is left alone: doing it twice does nothing.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] longest wait of a parked target (ms)  ARGV[3] longest
-- lease (ms)  ARGV[4] what a longer lease is cut to (ms)  ARGV[5] the states and
-- ARGV[6] the reasons there are, each between commas  ARGV[7..] appids
-- Returns per appid: what was done, and what a person has to do; "" for nothing.
-- Cost: O(n log targets).
local rollout = ARGV[1]
local wake_max, lease_max, lease = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local QUEUES = { 'commit', 'audit', 'release' }

local function known(list, word) return string.find(list, ',' .. word .. ',', 1, true) ~= nil end

-- whole reports whether a record says where its target stands.
local function whole(t)
  return t.stage and QUEUE[t.stage] and known(ARGV[5], t.state)
     and t.fence and t.version and t.due and t.rank
end

-- near brings an impossible due time near.
local function near(t)
  if t.state == 'parked' and t.due > now_ms
     and (t.due > now_ms + wake_max or not known(ARGV[6], t.reason)) then
    t.due = now_ms
    return 'woke it'
  end
  if t.state == 'running' and t.due > now_ms + lease_max then
    t.due = now_ms + lease
    return 'cut its lease'
  end
end

-- place makes the target stand in its index with its score, and in no other; t is
-- nil for none. It returns where it was taken out and put in.
local function place(appid, t)
  local out, into = {}, nil
  local function settle(index, who, wanted, score)
    local key = root .. index
    local is = redis.call('ZSCORE', key, who)
    if wanted then
      if not is or tonumber(is) ~= score then
        redis.call('ZADD', key, int(score), who)
        into = index
      end
    elseif is then
      redis.call('ZREM', key, who)
      out[#out + 1] = index
    end
  end
  local state, stage = t and t.state, t and t.stage
  for s in pairs(QUEUE) do
    settle('ready:' .. rollout .. ':' .. s, appid, state == 'pending' and stage == s, t and ready(t))
  end
  for _, queue in ipairs(QUEUES) do
    settle('leases:' .. queue, member(rollout, appid), state == 'running' and QUEUE[stage] == queue, t and t.due)
  end
  settle('wake', member(rollout, appid), state == 'parked', t and t.due)
  table.sort(out)
  return out, into
end

-- own settles the owner. Returns what was done and what is left to a person.
local function own(appid, t)
  local owner = redis.call('HGET', root .. 'owners', appid)
  if not t or ended(t.state) then
    if owner ~= rollout then return end
    redis.call('HDEL', root .. 'owners', appid)
    return 'freed it'
  end
  if t.state ~= 'running' or owner == rollout or status(rollout) == 'aborted' then return end
  local other = owner and load(owner, appid)
  -- An assignment that is over counts until it is taken back, or two such targets would
  -- take the app from each other with each repair; an aborted rollout takes none.
  if other and other.state == 'running' and ((other.due or 0) > now_ms or status(owner) ~= 'aborted') then
    return nil, 'rollout ' .. owner .. ' has an assignment for it as well: repair again when that has ended'
  end
  redis.call('HSET', root .. 'owners', appid, rollout)
  return 'made its rollout the owner'
end

-- unmark takes a release away that was undone.
local function unmark(appid, t)
  if not t or t.state ~= 'undone' then return end
  local left, was = forget(rollout, appid)
  if not was then return end
  keep(appid, left)
  return 'forgot its release'
end

local answer = {}
for i = 7, #ARGV do
  local appid = ARGV[i]
  local t = parse(redis.call('HGET', root .. 't:' .. rollout, appid))
  local done, left = {}, ''
  if t and not whole(t) then
    left = 'its record can\'t be read'
  else
    local nearer = t and near(t)
    if nearer then
      t.version = t.version + 1
      redis.call('HSET', root .. 't:' .. rollout, appid, format(t))
      done[#done + 1] = nearer
    end
    local out, into = place(appid, t)
    if #out > 0 then done[#done + 1] = 'took it out of ' .. table.concat(out, ', ') end
    if into and not nearer then done[#done + 1] = 'put it into ' .. into end
    local owned, why = own(appid, t)
    if owned then done[#done + 1] = owned end
    local unmarked = unmark(appid, t)
    if unmarked then done[#done + 1] = unmarked end
    left = why or ''
  end
  answer[#answer + 1] = table.concat(done, '; ')
  answer[#answer + 1] = left
end
return answer
