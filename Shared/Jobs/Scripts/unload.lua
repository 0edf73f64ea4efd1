#!lua flags=allow-oom
-- Deletes dead letters that are kept elsewhere now. One that was replayed and died again meanwhile is another letter.
--
-- KEYS 1    the queue's prefix
-- ARGV 1…   for each letter: id, since when it is dead in ms
-- Answer    how many are gone

local n = 0
for i = 1, #ARGV, 2 do
  local id, since = ARGV[i], call('ZSCORE', DEAD, ARGV[i])
  if since and tonumber(since) == tonumber(ARGV[i + 1]) then
    call('ZREM', DEAD, id)
    call('HINCRBY', COUNT, 'bytes', -call('HSTRLEN', JOB, id))
    call('HDEL', JOB, id)
    call('HDEL', ST, id)
    call('HDEL', WHY, id)
    n = n + 1
  end
end
if n > 0 then call('HINCRBY', COUNT, 'archived', n) end
return n
