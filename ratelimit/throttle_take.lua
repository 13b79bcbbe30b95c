-- Takes up to ARGV[4] permits.
-- ARGV[4]  permits wanted, at least 1
-- Returns {granted, µs until the next permit (0 if all were granted), 1 if held}
local want = tonumber(ARGV[4])
if hold > now then return {0, hold - now, 1} end
if interval == 0 then return {want, 0, 0} end
local whole = now + burst * step
local n = math.min(want, math.floor((whole - tat) / step))
local retry = 0
tat = tat + n * step
if n > 0 or mended then save() end
if n < want then retry = tat + step - whole end
return {n, retry, 0}
