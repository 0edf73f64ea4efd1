#!lua flags=allow-oom
-- Deletes dead letters for good.
--
-- KEYS 1    the queue's prefix
-- ARGV 1…   ids, at most 500
-- Answer    how many were among the dead and are gone

local n = 0
for _, id in ipairs(ARGV) do
  if call('ZREM', DEAD, id) == 1 then
    call('HINCRBY', COUNT, 'bytes', -call('HSTRLEN', JOB, id))
    call('HDEL', JOB, id)
    call('HDEL', ST, id)
    call('HDEL', WHY, id)
    n = n + 1
  end
end
return n
