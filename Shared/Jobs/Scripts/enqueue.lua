#!lua
-- Enqueues up to 500 jobs, all or (when the queue is full) none.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    most jobs the queue may hold; meta's `cap` overrides it
--      2    most bytes of envelopes it may hold; meta's `capbytes` overrides it
--      3…   for each job: id; due: 0 = now, `+n` = n ms from now, n = at n ms since 1970; envelope
-- Answer    {now, for each job: 1 = enqueued, or the id of the job that stands in its place: its own when it was sent
--           again, another's when that one holds the unique key}
-- Error     FULL, nothing enqueued
--
-- Sent again with the same ids it changes nothing, so a producer whose reply was lost may repeat it. Redis refuses it
-- before it starts when memory has run out (no allow-oom in the first line).

local now, meta = clock('cap', 'capbytes')
local n = (#ARGV - 2) / 3
if n > 500 then return redis.error_reply('BATCH more than 500 jobs') end

local ids, envelopes = {}, {}
for i = 1, n do ids[i], envelopes[i] = ARGV[3 * i], ARGV[3 * i + 2] end
local held = call('HMGET', JOB, unpack(ids))

-- First look, so that nothing is written when it does not fit. An envelope that cannot be read ends the script here.
local answer, jobs, own, bytes = { now }, {}, {}, 0
for i = 1, n do
  local id = ids[i]
  if held[i] or own[id] then
    answer[i + 1] = id
  else
    own[id] = true
    jobs[#jobs + 1] = { i, head(envelopes[i]) }
    bytes = bytes + #envelopes[i]
  end
end
if #jobs == 0 then return answer end
local cap, capbytes = tonumber(meta[3] or ARGV[1]), tonumber(meta[4] or ARGV[2])
if call('HLEN', JOB) + #jobs > cap then return redis.error_reply('FULL jobs ' .. cap) end
if tonumber(call('HGET', COUNT, 'bytes') or 0) + bytes > capbytes then
  return redis.error_reply('FULL bytes ' .. capbytes)
end

local set, push, came, added = {}, {}, 0, 0
bytes = 0
for _, job in ipairs(jobs) do
  local i, kind, priority, group, unique, window = job[1], job[2], job[3], job[6], job[7], job[8]
  local id, envelope, taken = ids[i], envelopes[i], false
  if unique ~= '' then
    local key = P .. 'u:' .. unique
    if window > 0 then
      taken = not call('SET', key, id, 'NX', 'PX', window * 1000) and call('GET', key)
    else
      taken = not call('SET', key, id, 'NX') and call('GET', key)
      -- A holder without a body is gone; its key must not keep the next one out.
      if taken and not own[taken] and call('PTTL', key) == -1 and call('HEXISTS', JOB, taken) == 0 then
        call('SET', key, id)
        taken = false
      end
    end
  end
  if taken then
    answer[i + 1] = taken
  else
    set[#set + 1] = id
    set[#set + 1] = dated(envelope, now)
    bytes, added = bytes + #envelope, added + 1
    local due = ARGV[3 * i + 1]
    local at = tonumber(due) or 0
    if string.byte(due) == 43 then at = now + at end
    if at > now then
      call('ZADD', DUE, at, id)
      -- Who waits for the next due job now waits for this one.
      if call('ZRANGE', DUE, 0, 0)[1] == id then came = came + 1 end
    elseif group ~= '' then
      came = came + ready(id, priority, group, kind)
    else
      local list = push[priority]
      if not list then
        list = {}
        push[priority] = list
      end
      list[#list + 1] = id
      came = came + 1
    end
    answer[i + 1] = 1
  end
end
if added > 0 then
  call('HSET', JOB, unpack(set))
  for priority, list in pairs(push) do call('LPUSH', P .. 'r' .. priority, unpack(list)) end
  call('HINCRBY', COUNT, 'bytes', bytes)
  call('HINCRBY', COUNT, 'enqueued', added)
  wake(came)
end
return answer
