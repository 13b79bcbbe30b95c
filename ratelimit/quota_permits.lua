-- Lists permits that are out, a page per call; one that is taken or given back
-- meanwhile may be in it or not.
-- ARGV[5]  cursor, 0 to begin with
-- Returns {next cursor, 0 at the end, {id, ms when it lapses, ...}}
-- Cost: O(page), about 100 permits
local page = redis.call("ZSCAN", KEYS[2], ARGV[5], "COUNT", 100)
local found = {}
for i = 1, #page[2], 2 do
  if tonumber(page[2][i + 1]) > now then
    found[#found + 1] = page[2][i]
    found[#found + 1] = num(tonumber(page[2][i + 1]))
  end
end
return {page[1], found}
