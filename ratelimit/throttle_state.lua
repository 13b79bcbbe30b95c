-- Reads without changing anything.
-- Returns {for each key: permits to be had now, -1 = unlimited; factor in 64ths; µs
-- between two permits at the rate in force, 0 = no rate}
local out = {}
local function put(v) out[#out + 1] = v end
for _, t in ipairs(all) do
  local free = -1
  if t.interval > 0 then free = math.floor((now + t.burst * t.step - t.tat) / t.step) end
  put(free)
  put(t.factor)
  put(t.interval > 0 and t.step or 0)
end
return out
