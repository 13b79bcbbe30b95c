-- Reads without changing anything.
-- Returns {state, 1 if the allowance is known, rest, limit, permits out,
-- spent, closings, read_at, failure, failed_at, reason, since, retry_at}
return {q.state, q.rest and 1 or 0, q.rest or 0, q.limit or 0,
  outstanding(), q.spent, q.closings, q.read_at or 0, q.failure, q.failed_at, closure()}
