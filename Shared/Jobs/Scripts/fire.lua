#!lua
-- Fires a recurring entry, once for all workers: whoever finds the expected fire time moves it on and enqueues the job.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    name of the entry
--      2    expected fire time in ms
--      3    the fire time after that in ms
--      4    1 = enqueue the job, 0 = only move on (missed, or paused)
-- Answer    1 = fired; 0 = somebody else did, or the entry has changed or gone; 2 = moved on without a job; 3 = moved on,
--           the job of an earlier fire is still waiting or running
--
-- The job's id is `cron:<name>:<expected>`. A full queue takes it all the same: there is one at a time of each entry. An entry that must not overlap has a unique key in its envelope.

local name, expected = ARGV[1], ARGV[2]
local now = clock()
local at = call('ZSCORE', P .. 'cronat', name)
if not at or tonumber(at) ~= tonumber(expected) then return 0 end
call('ZADD', P .. 'cronat', ARGV[3], name)
local envelope = call('HGET', P .. 'cronjob', name)
if ARGV[4] ~= '1' or not envelope then return 2 end

local id = 'cron:' .. name .. ':' .. expected
local kind, priority, _, _, group, unique = head(envelope)
if call('HEXISTS', JOB, id) == 1 then return 3 end
if unique ~= '' and not call('SET', P .. 'u:' .. unique, id, 'NX') then
  local holder = call('GET', P .. 'u:' .. unique)
  if call('HEXISTS', JOB, holder) == 1 then return 3 end
  call('SET', P .. 'u:' .. unique, id)
end
call('HSET', JOB, id, dated(envelope, now))
call('HINCRBY', COUNT, 'bytes', #envelope)
call('HINCRBY', COUNT, 'enqueued', 1)
call('HINCRBY', COUNT, 'fired', 1)
wake(ready(id, priority, group, kind))
return 1
