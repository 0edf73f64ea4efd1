#!lua flags=allow-oom
-- Makes dead letters ready again: attempts, crashes and errors forgotten, creation time kept.
--
-- KEYS 1    the queue's prefix
-- ARGV 1…   ids, at most 500
-- Answer    for each: 1 = ready again (or waiting for its group), 0 = not among the dead, or the id of the job that holds
--           its unique key meanwhile

local answer, came = {}, 0
for i, id in ipairs(ARGV) do
  local envelope = call('ZSCORE', DEAD, id) and call('HGET', JOB, id)
  answer[i] = 0
  if envelope then
    local kind, priority, _, _, group, unique, window = head(envelope)
    local key, taken = P .. 'u:' .. unique, false
    if unique ~= '' and window == 0 then taken = not call('SET', key, id, 'NX') and call('GET', key) end
    if taken and taken ~= id then
      answer[i] = taken
    else
      call('ZREM', DEAD, id)
      call('HDEL', WHY, id)
      call('HDEL', ST, id)
      call('HINCRBY', COUNT, 'replayed', 1)
      came = came + ready(id, priority, group, kind)
      answer[i] = 1
    end
  end
end
wake(came)
return answer
