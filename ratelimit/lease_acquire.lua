-- Takes a lease that is free or lapsed, or renews the holder's own.
--
-- KEYS[1]  hash: holder  who has it, absent = free
--                until   ms since 1970, when it lapses
--                ttl     ms that it was taken or renewed for
--                fence   number of the last holding
-- ARGV[1]  holder
-- ARGV[2]  time to live in ms
-- ARGV[3]  ms to remember the fence for after the lease lapsed
-- Returns {1 if held by ARGV[1] now, fence, until}
-- Cost: O(1)
--
-- A lease that ends more than its ttl from now was taken before the clock stepped
-- back: it ends one ttl from now, since no holder counts on more.
-- A new fence is above the last one and at least the server's µs: even if
-- Redis lost its last second, or the whole key, a number does not come back.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local got = redis.call("HMGET", KEYS[1], "holder", "until", "fence", "ttl")
local holder, till, fence = got[1], tonumber(got[2] or 0), tonumber(got[3] or 0)
local live = holder and till > now
if live and holder ~= ARGV[1] then
  local most = now + tonumber(got[4] or ARGV[2])
  if till > most then
    till = most
    redis.call("HSET", KEYS[1], "until", string.format("%.0f", till))
  end
  return {0, fence, till}
end
if not live then
  fence = math.max(fence + 1, time[1] * 1000000 + time[2])
end
till = now + tonumber(ARGV[2])
redis.call("HSET", KEYS[1], "holder", ARGV[1], "ttl", ARGV[2],
  "until", string.format("%.0f", till), "fence", string.format("%.0f", fence))
redis.call("PEXPIRE", KEYS[1], string.format("%.0f", tonumber(ARGV[2]) + tonumber(ARGV[3])))
return {1, fence, till}
