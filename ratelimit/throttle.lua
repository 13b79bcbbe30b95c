-- Head of every throttle script: reads the throttle and brings it up to now.
--
-- KEYS[1]  hash: tat     µs, when the burst is whole again (GCRA's
--                        theoretical arrival time)
--                step    µs between two permits when tat was written
--                hold    µs, no permit before this time
--                factor  64ths of the configured rate, as of slowed
--                slowed  µs, when the rate was last cut
-- ARGV[1]  µs between two permits at the configured rate, 0 = unlimited
-- ARGV[2]  burst in permits
-- ARGV[3]  µs after which the factor climbs by 4/64
-- Cost: O(1). The key expires one second after it stops mattering.
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local interval, burst, climb = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local got = redis.call("HMGET", KEYS[1], "tat", "step", "hold", "factor", "slowed")
local tat, step = tonumber(got[1] or 0), tonumber(got[2] or 0)
local hold = tonumber(got[3] or 0)
local base, slowed = tonumber(got[4] or 64), tonumber(got[5] or 0)

-- The climb is worked out, not stored. A clock set back never cuts the rate.
local climbs = math.max(0, math.floor((now - slowed) / climb))
local factor = math.min(64, base + 4 * climbs)

-- pace moves tat and step to the current factor. What is owed stays the same
-- number of permits: kept in µs instead, a cut would hand out new permits.
-- More than a burst cannot be owed: then the clock was set back, and without
-- the mend nobody would get a permit until it is where it was.
local mended = false
local function pace()
  if interval == 0 then return end
  local paced = math.ceil(interval * 64 / factor)
  if tat <= now then
    tat = now
  elseif step > 0 and step ~= paced then
    tat = now + math.ceil((tat - now) * paced / step)
  end
  local most = now + burst * paced
  if tat > most then tat, mended = most, true end
  step = paced
end
pace()

local function save()
  local last = math.max(tat, hold)
  if factor < 64 then
    last = math.max(last, slowed + math.ceil((64 - base) / 4) * climb)
  else
    base, slowed = 64, 0
  end
  redis.call("HSET", KEYS[1],
    "tat", string.format("%.0f", tat), "step", string.format("%.0f", step),
    "hold", string.format("%.0f", hold),
    "factor", string.format("%.0f", base), "slowed", string.format("%.0f", slowed))
  redis.call("PEXPIRE", KEYS[1],
    string.format("%.0f", math.ceil(math.max(0, last - now) / 1000) + 1000))
end

