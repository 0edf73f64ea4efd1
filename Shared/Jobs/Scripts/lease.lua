#!lua flags=allow-oom
-- Leases up to n jobs of kinds the worker knows: promotes what is due, recovers expired leases, counts the attempt
-- before the run. High before normal before low, first in first out among equals.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    fence: a text never used before; who shows it owns these leases
--      2    n, at most 500
--      3    bytes of envelopes after which no more are added
--      4…   for each kind the worker knows: kind, newest payload version it reads
-- Answer    {now, ms until it is worth asking again (0: at once), epoch or '', 1 if paused, jobs, notices}
--           job: {id, attempt, crashes, lease ms, timeout ms, first failure ms or 0, envelope}
--           notice: {what, id, kind}, what is poison, recovered, parked or expired
--
-- Jobs of other kinds or newer payloads are parked: kept in `park:<kind>@<version>` until a worker that knows them asks,
-- which looks there first. A parked job keeps its group's slot.

local fence, want, limit = ARGV[1], math.min(tonumber(ARGV[2]), 500), tonumber(ARGV[3])
local now, meta = clock('paused', 'epoch', 'seen', 'reapafter')
local jobs, notices = {}, {}
if meta[3] == '1' then return { now, 1000, meta[4] or '', 1, jobs, notices } end

local known, parks = {}, {}
for i = 4, #ARGV, 2 do
  known[ARGV[i]] = tonumber(ARGV[i + 1])
  for version = 1, known[ARGV[i]] do parks[#parks + 1] = ARGV[i] .. '@' .. version end
end
local came = promote(now) + reap(now, meta[5], meta[6], notices)
local bytes, popped = 0, 0

local function take(list, n, park)
  local ids = call('RPOP', list, n)
  if not ids then return false end
  popped = popped + #ids
  if park then
    if call('HINCRBY', PARKED, park, -#ids) <= 0 then call('HDEL', PARKED, park) end
  end
  local envelopes, states = call('HMGET', JOB, unpack(ids)), call('HMGET', ST, unpack(ids))
  local set, add = {}, {}
  for i, id in ipairs(ids) do
    local envelope = envelopes[i]
    if envelope then -- Without one the id is left over and falls away here.
      local kind, priority, created, version, group, unique, window = head(envelope)
      local attempt, crashes, first, note, held, _ = 0, 0, 0, '', '', nil
      if states[i] then attempt, crashes, _, first, _, held, _, _, _, note = struct.unpack(STATE, states[i]) end
      if window > 0 then unique = '' end
      if held ~= '' then
        -- It is running: an id that stands twice is not run twice.
      elseif version > (known[kind] or 0) then
        call('LPUSH', P .. 'park:' .. kind .. '@' .. version, id)
        call('HINCRBY', PARKED, kind .. '@' .. version, 1)
        notices[#notices + 1] = { 'parked', id, kind }
      else
        local p = policy(kind)
        if p.expiry > 0 and now - created > p.expiry then
          call('HDEL', JOB, id)
          call('HDEL', ST, id)
          call('HINCRBY', COUNT, 'bytes', -#envelope)
          call('HINCRBY', COUNT, 'expired', 1)
          free(unique, id)
          if group ~= '' then came = came + leave(group, kind) end
          notices[#notices + 1] = { 'expired', id, kind }
        else
          attempt = math.min(attempt + 1, 65535)
          set[#set + 1] = id
          set[#set + 1] = pack(attempt, crashes, priority, first, #envelope, fence, kind, group, unique, note)
          add[#add + 1] = now + p.lease
          add[#add + 1] = id
          bytes, want = bytes + #envelope, want - 1
          jobs[#jobs + 1] = { id, attempt, crashes, p.lease, p.timeout, first, envelope }
        end
      end
    end
  end
  if #set > 0 then
    call('HSET', ST, unpack(set))
    call('ZADD', RUN, unpack(add))
  end
  return true
end

local function drain(list, park)
  while want > 0 and bytes < limit and popped < 500 do
    if not take(list, math.min(want, 50, 500 - popped), park) then return end
  end
end
if #parks > 0 then
  for i, count in ipairs(call('HMGET', PARKED, unpack(parks))) do
    if count then drain(P .. 'park:' .. parks[i], parks[i]) end
  end
end
drain(P .. 'r0')
drain(P .. 'r1')
drain(P .. 'r2')

if want <= 0 or bytes >= limit or popped >= 500 then
  if came > #jobs then wake(came - #jobs) end
  return { now, 0, meta[4] or '', 0, jobs, notices }
end

-- Nothing is ready any more: tokens have lost their meaning, and the next due job or expiring lease is what to wait for.
call('DEL', WAKE)
local due, run = call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2], call('ZRANGE', RUN, 0, 0, 'WITHSCORES')[2]
local wait = math.min(tonumber(due or now + 60000), tonumber(run or now + 60000)) - now
return { now, math.max(1, math.min(wait, 60000)), meta[4] or '', 0, jobs, notices }
