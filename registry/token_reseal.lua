-- Replaces sealed values of a row by the same ones under another key, unless they changed. The version
-- stays: no renewal under way has to start again.
--
-- KEYS[1]  a row: ticket_put.lua, token_put.lua
-- ARGV     field, value that was read, value in its place; and so on
-- Returns how many hold what they are to hold; a call that the client repeats counts the same
-- Cost: O(number of fields)
local replaced = 0
for i = 1, #ARGV, 3 do
  local now = redis.call("HGET", KEYS[1], ARGV[i])
  if now == ARGV[i + 1] then redis.call("HSET", KEYS[1], ARGV[i], ARGV[i + 2]) end
  if now == ARGV[i + 1] or now == ARGV[i + 2] then replaced = replaced + 1 end
end
return replaced
