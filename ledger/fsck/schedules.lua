-- schedule_look compares when schedules are to run with where they stand.
--
-- KEYS[1] root
-- ARGV names
-- Returns per name: "" if it is well, "gone" if there is no such schedule, or
-- "off" if it stands at another time than its next run. Cost: O(n log schedules).
local out = {}
for i, name in ipairs(ARGV) do
  out[i] = ''
  local score = redis.call('ZSCORE', root .. 'schedules', name)
  if redis.call('EXISTS', root .. 's:' .. name) == 0 then
    if score then out[i] = 'gone' end
  else
    local at = armed(name)
    local never = score and string.find(string.lower(score), 'inf', 1, true) ~= nil
    if (at == '+inf') ~= (never == true) or (at ~= '+inf' and tonumber(score) ~= tonumber(at)) then out[i] = 'off' end
  end
end
return out
