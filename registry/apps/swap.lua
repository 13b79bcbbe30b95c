-- swap stores records of apps that did not change since they were read, and moves
-- each app in or out of the queues of apps to read and of newcomers.
--
-- KEYS[1] apps     HASH appid -> record
-- KEYS[2] unread   ZSET appid by when WeChat may be asked (unix s)
-- KEYS[3] new      ZSET appid by when it authorized (unix s)
-- ARGV[1..] five for each app: appid, record that was read ("" none), new record,
--   unread and new: a score to add it with, "-" to take it out, "" to leave it
-- Returns for each app 1 if stored, 0 if its record had changed.
-- Cost: O(n log apps).
local stored = {}
local function queue(key, appid, what)
  if what == '-' then
    redis.call('ZREM', key, appid)
  elseif what ~= '' then
    redis.call('ZADD', key, what, appid)
  end
end
for i = 1, #ARGV, 5 do
  local appid = ARGV[i]
  if (redis.call('HGET', KEYS[1], appid) or '') == ARGV[i + 1] then
    redis.call('HSET', KEYS[1], appid, ARGV[i + 2])
    queue(KEYS[2], appid, ARGV[i + 3])
    queue(KEYS[3], appid, ARGV[i + 4])
    stored[#stored + 1] = 1
  else
    stored[#stored + 1] = 0
  end
end
return stored
