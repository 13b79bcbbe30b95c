-- platform_note remembers what was done to the platform and not to one rollout,
-- the last thousand of it.
--
-- KEYS[1] root
-- ARGV[1] from  ARGV[2] to  ARGV[3] by  ARGV[4] why
-- Returns 1. Cost: O(1).
log('', ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return 1
