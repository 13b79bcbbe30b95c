-- control changes the status of a rollout, if it has one of the expected ones. A
-- rollout that was paused before its start is scheduled again when resumed.
--
-- KEYS[1] root
-- ARGV[1] rollout  ARGV[2] expected statuses, comma separated  ARGV[3] new status
-- ARGV[4] by  ARGV[5] why  ARGV[6] verb
-- Returns {"ok", new status} or {"no", status} ("" if unknown); done is refused
-- while a target is unfinished. Cost: O(cells).
local id, to = ARGV[1], ARGV[3]
local key = root .. 'r:' .. id
local s = status(id)
local ok = false
for want in string.gmatch(ARGV[2], '[^,]+') do ok = ok or want == s end
if s == '' or not ok then return { 'no', s } end
if to == 'done' and unfinished(id) > 0 then return { 'no', s } end
if s == 'paused' and to == 'running' and not redis.call('HGET', key, 'started')
   and tonumber(redis.call('HGET', key, 'start') or '0') > now_ms then
  to = 'scheduled'
end
redis.call('HSET', key, 'status', to, 'by', ARGV[4], 'why', ARGV[5])
if to == 'running' then redis.call('HSETNX', key, 'started', int(now_ms)) end
-- The failures that tripped the breaker were seen by a person: counted again, in
-- this step, or the controller would trip on them again.
if s == 'paused' and to ~= 'aborted' then redis.call('DEL', root .. 'codes:' .. id) end
if to == 'done' or to == 'aborted' then redis.call('HSET', key, 'ended', int(now_ms)) end
if to == 'done' then
  redis.call('ZREM', root .. 'active', id)
else -- an aborted one is active until its targets are swept
  redis.call('ZADD', root .. 'active', 'NX', int(now_ms), id)
end
log(id, s, to, ARGV[4], ARGV[5], ARGV[6])
return { 'ok', to }
