-- loan lends an app to a reader that is no rollout: while the loan lasts, the app gets no
-- assignment. Loans that have run out are dropped on the way.
--
-- KEYS[1] root
-- ARGV[1] appid  ARGV[2] how long (ms), at most LOAN_MAX  ARGV[3] lease of assignments (ms),
-- for the quarantine that a restarted server begins; 0 if the caller doesn't know it
-- Returns {"ok", end of the loan (ms)}, which is its fencing token too, or {why not, rollout,
-- ms left}: "rollout" has an assignment whose lease has not run out, it is "lent" already, or
-- in "quarantine", since a restarted server may have forgotten an assignment.
-- Cost: O(log loans + loans that ran out).
local appid = ARGV[1]
local wait = quarantine(tonumber(ARGV[3]))
if wait > 0 then return { 'quarantine', '', int(wait) } end
local owner = redis.call('HGET', root .. 'owners', appid)
local t = owner and load(owner, appid)
if t and t.state == 'running' and t.due > now_ms then return { 'rollout', owner, int(t.due - now_ms) } end
redis.call('ZREMRANGEBYSCORE', root .. 'loans', '-inf', int(now_ms))
local till = lent(appid)
if till then return { 'lent', '', int(till - now_ms) } end
till = now_ms + math.min(tonumber(ARGV[2]), LOAN_MAX)
redis.call('ZADD', root .. 'loans', int(till), appid)
return { 'ok', int(till) }
