-- Reads without changing anything.
-- Returns {permits to be had now, -1 = unlimited; factor in 64ths; ms since
-- 1970 until which it is held, 0 = not held}
local free = -1
if interval > 0 then free = math.floor((now + burst * step - tat) / step) end
local held = 0
if hold > now then
  held = math.ceil(hold / 1000)
  free = 0
end
return {free, factor, held}
