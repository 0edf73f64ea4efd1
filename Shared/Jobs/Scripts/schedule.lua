#!lua flags=allow-oom
-- What an operator does to the recurring entries.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    list, pause, resume, remove or due
--      2    name of the entry (not for list)
-- Answer    list: {now, {name, next fire ms, spec, 1 if paused}…} in order of the next fire
--           else: 1, or 0 if there is no such entry
--
-- A paused entry moves on at each fire without a job. `due` makes it fire now. A removed entry comes back when a worker
-- that lists it starts.

local now = clock()
local what, name = ARGV[1], ARGV[2]
if what == 'list' then
  local answer = { now }
  local entries = call('ZRANGE', P .. 'cronat', 0, -1, 'WITHSCORES')
  for i = 1, #entries, 2 do
    answer[#answer + 1] = { entries[i], entries[i + 1], call('HGET', P .. 'crondef', entries[i]) or '',
      call('SISMEMBER', P .. 'cronpaused', entries[i]) }
  end
  return answer
end
if not call('ZSCORE', P .. 'cronat', name) then return 0 end
if what == 'pause' then
  call('SADD', P .. 'cronpaused', name)
elseif what == 'resume' then
  call('SREM', P .. 'cronpaused', name)
elseif what == 'due' then
  call('ZADD', P .. 'cronat', now, name)
elseif what == 'remove' then
  call('ZREM', P .. 'cronat', name)
  call('HDEL', P .. 'crondef', name)
  call('HDEL', P .. 'cronjob', name)
  call('SREM', P .. 'cronpaused', name)
else
  return redis.error_reply('BADARG ' .. what)
end
return 1
