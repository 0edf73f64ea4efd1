#!lua flags=allow-oom
-- Gives back every job leased under a fence, uncounted and in front: for a worker that asked for leases and never heard
-- the answer. Costs a look at every running job; that is why it is not used for anything else.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    fence
-- Answer    {now, ids given back…}

local now = clock()
local answer = { now }
local ids = call('ZRANGE', RUN, 0, -1)
for from = 1, #ids, 500 do
  local some = { unpack(ids, from, math.min(from + 499, #ids)) }
  for i, state in ipairs(call('HMGET', ST, unpack(some))) do
    if state then
      local attempt, crashes, priority, first, size, held, kind, group, unique, note = struct.unpack(STATE, state)
      if held == ARGV[1] then
        call('ZREM', RUN, some[i])
        call('HSET', ST, some[i], pack(attempt - 1, crashes, priority, first, size, '', kind, group, unique, note))
        call('RPUSH', P .. 'r' .. priority, some[i])
        answer[#answer + 1] = some[i]
      end
    end
  end
end
wake(#answer - 1)
return answer
