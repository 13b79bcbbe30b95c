-- schedule_due lists the schedules whose time has come, the longest due first.
--
-- KEYS[1] root
-- Returns their names. Cost: O(log schedules + due).
return redis.call('ZRANGEBYSCORE', root .. 'schedules', '-inf', int(now_ms))
