#!lua flags=allow-oom
-- Pauses the queue (no new leases; what runs goes on; enqueue goes on) or resumes it.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    1 = pause, 0 = resume
-- Answer    1 if that changed anything, else 0

local paused = call('HGET', META, 'paused') == '1'
if ARGV[1] == '1' then
  if paused then return 0 end
  call('HSET', META, 'paused', '1')
else
  if not paused then return 0 end
  call('HDEL', META, 'paused')
  wake(TOKENS)
end
return 1
