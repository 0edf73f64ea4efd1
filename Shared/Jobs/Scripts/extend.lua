#!lua flags=allow-oom
-- Extends leases: a worker's heartbeat.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    ms from now, or 0 for the lease of each kind's policy; a lease is never made shorter
--      2…   for each job: id, fence
-- Answer    {now, positions of those whose lease is lost, from 1…}: their work belongs to somebody else, or to nobody
--           any more. Positions, because a worker may hold one job twice: by a lease that it lost and by one that holds

local ms = tonumber(ARGV[1])
local now = clock()
local ids, answer, add = {}, { now }, {}
for i = 2, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
if #ids == 0 then return answer end
if #ids > 500 then return redis.error_reply('BATCH more than 500 jobs') end
for k, state in ipairs(call('HMGET', ST, unpack(ids))) do
  local held, kind
  if state then
    local _, _, _, _, _, f, name = struct.unpack(STATE, state)
    held, kind = f, name
  end
  if held == ARGV[2 * k + 1] then
    add[#add + 1] = now + (ms > 0 and ms or policy(kind).lease)
    add[#add + 1] = ids[k]
  else
    answer[#answer + 1] = k
  end
end
if #add > 0 then call('ZADD', RUN, 'XX', 'GT', unpack(add)) end
return answer
