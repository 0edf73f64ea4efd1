#!lua flags=no-writes
-- How the queue stands.
--
-- KEYS 1    the queue's prefix
-- Answer    {now, jobs held, ready high, normal, low, due, running, dead, oldest ready: created ms or 0, next due ms or 0,
--           1 if paused, {kind@version, parked}…, {counter, total}…, {kind, kept back by its rate}…} as a list of eleven
--           and three lists of pairs
--
-- Jobs that wait for their group are those held and in none of the other places.

local now, meta = clock('paused')
local oldest = 0
for priority = 0, 2 do
  local id = call('LINDEX', P .. 'r' .. priority, -1)
  local envelope = id and call('HGET', JOB, id)
  if envelope then
    local _, _, created = head(envelope)
    if oldest == 0 or created < oldest then oldest = created end
  end
end
local limited = {}
for _, kind in ipairs(call('ZRANGE', RATED, 0, -1)) do
  limited[#limited + 1] = kind
  limited[#limited + 1] = call('LLEN', P .. 'rate:' .. kind)
end
return { now, call('HLEN', JOB), call('LLEN', P .. 'r0'), call('LLEN', P .. 'r1'), call('LLEN', P .. 'r2'),
  call('ZCARD', DUE), call('ZCARD', RUN), call('ZCARD', DEAD), oldest,
  tonumber(call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2] or 0), meta[3] == '1' and 1 or 0,
  call('HGETALL', PARKED), call('HGETALL', COUNT), limited }
