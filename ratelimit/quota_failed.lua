-- Notes that the platform could not be asked what is left.
-- ARGV[5]  cause
-- Returns {ms since when}
if q.unread_since == 0 then q.unread_since = now end
q.unread = ARGV[5]
save()
return {q.unread_since}
