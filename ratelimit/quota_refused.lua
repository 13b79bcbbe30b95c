-- Notes that a call was refused for lack of quota. That closes the pool if a reading made
-- since shows nothing left, if there is none, or if this is the third app that was refused
-- since the last spent unit; otherwise it is this one app's matter.
-- ARGV[5]  app
-- ARGV[6]  reason
-- ARGV[7]  number of the opening during which the refused call was made, 0 = whichever
-- ARGV[8]  1 if a reading made since the refusal shows units
-- Returns {1 if the pool is not open now, apps refused since the last spent unit}, or
-- {-1, 0} if an operator opened it since the call: it is unchanged
local app, reason, opening, left = ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8] == "1"
if opening > 0 and opening ~= q.opens + 1 then return {-1, 0} end
if redis.call("SCARD", KEYS[6]) < 3 then redis.call("SADD", KEYS[6], app) end
local apps = redis.call("SCARD", KEYS[6])
if not left or apps >= 3 then
  if q.state == "open" or q.reason == "exhausted" then q.quota = 1 end
  refusal(reason, 0)
  try(app)
  save()
end
return {q.state == "open" and 0 or 1, apps}
