-- Head of every throttle script: reads the throttles and brings them up to now.
--
-- KEYS     one hash per throttle, a part's whole before the part:
--            tat      µs, when the burst is whole again (GCRA's theoretical
--                     arrival time)
--            step     µs between two permits when tat was written
--            factor   64ths of the full rate, as of slowed
--            slowed   µs, when the rate was last cut
--            clock    µs, when this was written
--          and of one without a configured rate, which counts what it grants:
--            learned  µs between two permits at the full rate while it is cut:
--                     what was seen just before the cut
--            sec      µs, when the present second of counting began
--            n, was   permits of this second, and of the last one with any
-- ARGV[1]  µs after which the factor climbs by 4/64
-- ARGV[2]  µs between two permits that no cut of a learned rate exceeds
-- ARGV[3...]  for each key: µs between two permits at the configured rate, 0 =
--          none; burst in permits. Then the operation's own.
-- Cost: O(keys), two at most but for state. A key expires one second after it
-- stops mattering, one that counts after half a minute without a permit.
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local climb, widest = tonumber(ARGV[1]), tonumber(ARGV[2])
local second = 1000000
local args = 2 + 2 * #KEYS -- how many arguments are the head's

local function num(n) return string.format("%.0f", n) end

-- pace moves tat and step to the current factor. What is owed stays the same
-- number of permits: kept in µs instead, a cut would hand out new permits.
-- More than a burst cannot be owed: then the clock was set back, and without
-- the repair no permit would be granted until it is where it was.
local function pace(t)
  if t.interval == 0 then return end
  local paced = math.ceil(t.interval * 64 / t.factor)
  if t.tat <= now then
    t.tat = now
  elseif t.step > 0 and t.step ~= paced then
    t.tat = now + math.ceil((t.tat - now) * paced / t.step)
  end
  local most = now + t.burst * paced
  if t.tat > most then t.tat, t.repaired = most, true end
  t.step = paced
end

-- learn takes a rate that was seen as the full one.
local function learn(t, interval)
  t.learned, t.interval = interval, interval
  if interval > 0 then t.burst = math.max(1, math.floor(second / 10 / interval)) end
end

local function open(i)
  local t = {interval = tonumber(ARGV[1 + 2 * i]), burst = tonumber(ARGV[2 + 2 * i]), key = i}
  local got = redis.call("HMGET", KEYS[i], "tat", "step", "factor", "slowed", "learned", "sec", "n", "was", "clock")
  t.tat, t.step = tonumber(got[1] or 0), tonumber(got[2] or 0)
  t.base, t.slowed = tonumber(got[3] or 64), tonumber(got[4] or 0)
  -- A clock that stepped back makes no cut longer.
  local back = tonumber(got[9] or 0) - now
  if back > 0 then
    t.repaired = true
    if t.slowed > 0 then t.slowed = t.slowed - back end
  end
  -- The climb is worked out, not stored.
  local climbs = math.max(0, math.floor((now - t.slowed) / climb))
  t.factor = math.min(64, t.base + 4 * climbs)
  if t.interval == 0 then
    t.counts = true
    t.sec, t.n, t.was = tonumber(got[6] or 0), tonumber(got[7] or 0), tonumber(got[8] or 0)
    if now - t.sec >= second or now < t.sec then t.sec, t.n, t.was = now, 0, math.max(t.n, 0) end
    learn(t, t.factor < 64 and tonumber(got[5] or 0) or 0)
  end
  pace(t)
  return t
end

local all = {}
for i = 1, #KEYS do all[i] = open(i) end
local own = all[#all] -- the one that is asked about; the others are its whole

local function save(t)
  local last = t.tat
  if t.factor < 64 then
    last = math.max(last, t.slowed + math.ceil((64 - t.base) / 4) * climb)
  else
    t.base, t.slowed = 64, 0
  end
  redis.call("HSET", KEYS[t.key], "tat", num(t.tat), "step", num(t.step),
    "factor", num(t.base), "slowed", num(t.slowed), "clock", num(now))
  if t.counts then
    redis.call("HSET", KEYS[t.key], "learned", num(t.learned), "sec", num(t.sec), "n", num(t.n), "was", num(t.was))
    last = math.max(last, t.sec + 30 * second)
  end
  redis.call("PEXPIRE", KEYS[t.key], num(math.ceil(math.max(0, last - now) / 1000) + 1000))
end

