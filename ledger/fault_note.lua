-- fault_note records a fault of the platform: the first report begins it, later ones say when it
-- was met last.
--
-- KEYS[1] root
-- ARGV[1] errcode, or 0  ARGV[2] text  ARGV[3] endpoint  ARGV[4] address, or ""  ARGV[5] rid
-- ARGV[6] appid that met it, or ""  ARGV[7] 1 if it may be this app's alone
-- ARGV[8] wait before the first probe (ms)  ARGV[9] longest wait of a fault that comes back (ms)
-- ARGV[10] how long a fault that came back counts as the same (ms)  ARGV[11] apps at most
-- Returns "began", "stands", or "alone" if another app was proven to work where this one fails.
-- Cost: O(1).
-- A fault that the probe can't see would begin again after each probe: its first probe waits twice
-- as long each time.
local key, alone = root .. 'fault', root .. 'fault:alone'
local code, app, confirm = ARGV[1], ARGV[6], ARGV[7]
if confirm == '1' and tonumber(redis.call('HGET', alone, app) or '0') > now_ms then return 'alone' end

local function cause()
  redis.call('HSET', key, 'code', code, 'text', ARGV[2], 'endpoint', ARGV[3], 'ip', ARGV[4], 'rid', ARGV[5], 'confirm', confirm)
end

if redis.call('EXISTS', key) == 1 then
  redis.call('HSET', key, 'seen', int(now_ms))
  -- A cause that needs no proof is the better one.
  if confirm == '0' and redis.call('HGET', key, 'confirm') == '1' then cause() end
  local apps = cjson.decode(redis.call('HGET', key, 'apps'))
  for _, a in ipairs(apps) do
    if a == app then return 'stands' end
  end
  if app ~= '' and #apps < tonumber(ARGV[11]) then
    apps[#apps + 1] = app
    redis.call('HSET', key, 'apps', cjson.encode(apps))
  end
  return 'stands'
end

local last = redis.call('HMGET', root .. 'fault:last', 'code', 'at', 'times')
local times = 0
if last[1] == code and tonumber(last[2]) + tonumber(ARGV[10]) > now_ms then times = math.min(tonumber(last[3]) + 1, 30) end
local wait = tonumber(ARGV[8])
if times > 0 then wait = math.max(wait, math.min(wait * 2 ^ times, tonumber(ARGV[9]))) end
cause()
redis.call('HSET', key, 'since', int(now_ms), 'seen', int(now_ms), 'probe', int(now_ms + wait), 'wait', int(wait), 'probes', '0',
           'times', int(times), 'apps', app == '' and '[]' or cjson.encode({ app }))
return 'began'
