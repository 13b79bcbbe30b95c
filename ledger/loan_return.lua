-- loan_return ends a loan of an app before its time.
--
-- KEYS[1] root
-- ARGV[1] appid  ARGV[2] end of the loan (ms), as loan gave it
-- Returns 1, or 0 if the loan is over: it ran out, and the app may be lent to another.
-- Cost: O(log loans).
if redis.call('ZSCORE', root .. 'loans', ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('ZREM', root .. 'loans', ARGV[1])
