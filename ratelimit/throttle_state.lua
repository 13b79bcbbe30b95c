-- Reads without changing anything.
-- Returns {for each key: permits to be had now, -1 = unlimited; factor in 64ths;
-- ms since 1970 until which it is held, 0 = not held; µs between two permits at
-- the rate in force, 0 = no rate}
local out = {}
local function put(v) out[#out + 1] = v end
for _, t in ipairs(all) do
  local held = t.hold > now and math.ceil(t.hold / 1000) or 0
  local free = -1
  if t.interval > 0 then free = math.floor((now + t.burst * t.step - t.tat) / t.step) end
  if held > 0 then free = 0 end
  put(free)
  put(t.factor)
  put(held)
  put(t.interval > 0 and t.step or 0)
end
return out
