-- replace stores an app creation unless it changed since it was read.
--
-- KEYS[1] made  HASH "kind:id" -> record
-- ARGV[1] kind:id  ARGV[2] record that was read ("" none)  ARGV[3] new record
-- Returns 1 if stored, 0 if the record had changed. Cost: O(1).
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
