#!lua flags=allow-oom
-- Takes a job out of the queue, wherever it is but among the dead. A running one loses its lease: its worker hears so at
-- the next heartbeat and cancels it.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    id
-- Answer    what it was: due, running or waiting; `dead` if it is dead and stays; '' if there is no such job
--
-- Costs a walk through the list it waits in: for operators, not for programs.

local id = ARGV[1]
local envelope = call('HGET', JOB, id)
if not envelope then return '' end
if call('ZSCORE', DEAD, id) then return 'dead' end
local kind, priority, _, version, group, unique, window = head(envelope)
local was, holds = 'waiting', true
if call('ZREM', DUE, id) == 1 then
  was = 'due'
  local state = call('HGET', ST, id)
  holds = false
  if state then
    local _, _, flags = struct.unpack(STATE, state)
    holds = flags < 128
  end
elseif call('ZREM', RUN, id) == 1 then
  was = 'running'
elseif call('LREM', P .. 'r' .. priority, 1, id) == 0 then
  local park = kind .. '@' .. version
  if call('LREM', P .. 'park:' .. park, 1, id) == 1 then
    if call('HINCRBY', PARKED, park, -1) <= 0 then call('HDEL', PARKED, park) end
  elseif call('LREM', P .. 'rate:' .. kind, 1, id) == 1 then
    -- Where it waited is all there is to it: `rated` is put right by the next lease.
  elseif group ~= '' then
    call('LREM', P .. 'g:' .. group, 1, priority .. id)
    holds = false
  end
end
call('HINCRBY', COUNT, 'bytes', -#envelope)
call('HINCRBY', COUNT, 'canceled', 1)
call('HDEL', JOB, id)
call('HDEL', ST, id)
if window == 0 then free(unique, id) end
if group ~= '' and holds then wake(leave(group, kind)) end
return was
