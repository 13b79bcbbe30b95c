-- Runs each command of the product's scripts once, in a separate key space.
-- KEYS[1]  root of the probe's keys; the other keys are made from it, as in the ledger's scripts
-- ARGV[1]  how long a leftover key lives, ms
-- Returns: pairs of a command and the server's error, for those that failed; empty if all work.
-- Cost: O(1), some 45 commands on keys of one element.
local root, failed = KEYS[1], {}

local function try(...)
  local command = { ... }
  local ok, err = pcall(function() return redis.call(unpack(command)) end)
  if not ok then
    failed[#failed + 1] = command[1]
    failed[#failed + 1] = type(err) == 'table' and err.err or tostring(err)
  end
end

local h, z, l, s, v = root .. 'h', root .. 'z', root .. 'l', root .. 's', root .. 'v'
try('TIME')
try('HSET', h, 'a', 1)
try('HSETNX', h, 'b', 1)
try('HGET', h, 'a')
try('HMGET', h, 'a', 'b')
try('HGETALL', h)
try('HINCRBY', h, 'a', 1)
try('HEXISTS', h, 'a')
try('HLEN', h)
try('HKEYS', h)
try('HVALS', h)
try('HSCAN', h, 0, 'COUNT', 1)
try('HRANDFIELD', h, 1)
try('HDEL', h, 'b')
try('EXISTS', h)
try('TYPE', h)
try('PEXPIRE', h, ARGV[1])
try('EXPIRE', h, 60)
try('EXPIREAT', h, 4102444800)
try('PERSIST', h)
try('ZADD', z, 1, 'a', 2, 'b')
try('ZSCORE', z, 'a')
try('ZMSCORE', z, 'a', 'b')
try('ZCARD', z)
try('ZCOUNT', z, 0, 1)
try('ZRANGE', z, 0, '(2', 'BYSCORE', 'LIMIT', 0, 1)
try('ZREVRANGE', z, 0, 0)
try('ZRANGEBYSCORE', z, 0, 1, 'LIMIT', 0, 1)
try('ZSCAN', z, 0, 'COUNT', 1)
try('ZREM', z, 'b')
try('ZREMRANGEBYRANK', z, 5, 6)
try('ZREMRANGEBYSCORE', z, 5, 6)
try('RPUSH', l, 'a')
try('LPUSH', l, 'b')
try('LLEN', l)
try('LRANGE', l, 0, -1)
try('LTRIM', l, 0, 5)
try('LREM', l, 1, 'x')
try('RPOPLPUSH', l, l)
try('SADD', s, 'a')
try('SCARD', s)
try('SMEMBERS', s)
try('SREM', s, 'b')
try('SET', v, 1, 'PX', ARGV[1])
try('SETEX', v, 60, 1)
try('GET', v)
try('INCR', v)
try('RENAME', v, root .. 'w')
try('UNLINK', root .. 'w')
try('DEL', h, z, l, s, v, root .. 'w')
for _, key in ipairs({ h, z, l, s, v, root .. 'w' }) do pcall(redis.call, 'PEXPIRE', key, ARGV[1]) end -- if DEL is refused
return failed
