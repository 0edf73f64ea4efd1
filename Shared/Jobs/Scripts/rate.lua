#!lua flags=allow-oom
-- A rate that many processes share, GCRA: so many in a period, evenly, with a burst ahead.
--
-- KEYS 1    the rate's prefix, `jq:{rate/<name>}:`
-- ARGV 1    take, hold, set, reset or show
--      2    the code's rate, `count/period ms/burst` (take, hold, show); an operator's (set)
--      3    how many at once (take); for how many ms nobody may (hold)
-- Answer    take: {1, 0} or {0, ms until it is worth asking again}; show: {now, rate in force, 1 if an operator's, ms until
--           the next may}; else 1
--
-- `gcra` holds `tat`, when the next would come if they came evenly, and `set`, an operator's rate. Without the latter it
-- goes when it has nothing to say.

local GCRA = P .. 'gcra'
local now = clock()
local what = ARGV[1]
if what == 'set' then
  call('HSET', GCRA, 'set', ARGV[2])
  call('PERSIST', GCRA)
  return 1
elseif what == 'reset' then
  call('HDEL', GCRA, 'set')
  call('PEXPIRE', GCRA, 86400000)
  return 1
end
local kept = call('HMGET', GCRA, 'tat', 'set')
local rate = kept[2] or ARGV[2]
local count, period, burst = string.match(rate, '^(%d+)/(%d+)/(%d+)$')
if not count or tonumber(count) == 0 then return redis.error_reply('BADARG rate') end
local every = tonumber(period) / tonumber(count)
local slack = every * math.max(0, tonumber(burst) - 1)
local tat = tonumber(kept[1] or 0)
if what == 'show' then
  return { now, rate, kept[2] and 1 or 0, math.max(0, math.ceil(tat - slack - now)) }
end
if what == 'hold' then
  tat = math.max(tat, now + tonumber(ARGV[3]) + slack)
else
  -- More at once than a burst bears are let through when nobody else was before, and paid for afterwards.
  local ahead, at = every * (tonumber(ARGV[3]) - 1), math.max(tat, now)
  local early = at - now + math.min(ahead, slack) - slack
  if early > 0.001 then return { 0, math.max(1, math.ceil(early)) } end
  tat = at + ahead + every
end
call('HSET', GCRA, 'tat', string.format('%.3f', tat))
if not kept[2] then call('PEXPIRE', GCRA, math.ceil(tat - now) + 60000) end
return what == 'hold' and 1 or { 1, 0 }
