-- Notes that the platform could not be asked; the last reading stays.
-- ARGV[4]  why
-- Returns {1}
q.failure, q.failed_at = ARGV[4], now
save()
return {1}
