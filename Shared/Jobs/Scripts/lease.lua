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
-- which looks there first. Jobs of a kind that has used up its rate are kept in `rate:<kind>`, in order, until `rated` says
-- that the next may run. Both keep their group's slot.

local fence, want, limit = ARGV[1], math.min(tonumber(ARGV[2]), 500), tonumber(ARGV[3])
local now, meta = clock('paused', 'epoch', 'seen', 'reapafter')
local jobs, notices = {}, {}
if meta[3] == '1' then return { now, 1000, meta[4] or '', 1, jobs, notices } end

local known, parks = {}, {}
for i = 4, #ARGV, 2 do
  known[ARGV[i]] = tonumber(ARGV[i + 1])
  for version = 1, known[ARGV[i]] do parks[#parks + 1] = ARGV[i] .. '@' .. version end
end
promote(now)
local _, quiet = reap(now, meta[5], meta[6], notices)
local bytes, popped, parked = 0, 0, false

-- The rate of a kind as it stands, GCRA: `tat` is when the next job would come if they came evenly.
local gates = {}
local function gate(kind)
  local g = gates[kind]
  if not g then
    local p = policy(kind)
    g = { every = p.every, slack = p.slack, tat = p.every and tonumber(call('HGET', TAT, kind) or 0) or 0,
      waiting = call('LLEN', P .. 'rate:' .. kind) }
    gates[kind] = g
  end
  return g
end

-- How many may run now.
local function admitted(g)
  if not g.every then return 500 end
  return math.max(0, math.floor((now + g.slack - math.max(g.tat, now)) / g.every) + 1)
end

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
      local p = policy(kind)
      local g = (p.every or gates[kind]) and gate(kind)
      if held ~= '' then
        -- It is running: an id that stands twice is not run twice.
      elseif version > (known[kind] or 0) then
        call('LPUSH', P .. 'park:' .. kind .. '@' .. version, id)
        call('HINCRBY', PARKED, kind .. '@' .. version, 1)
        notices[#notices + 1] = { 'parked', id, kind }
        parked = true
      elseif p.expiry > 0 and now - created > p.expiry then
        call('HDEL', JOB, id)
        call('HDEL', ST, id)
        call('HINCRBY', COUNT, 'bytes', -#envelope)
        call('HINCRBY', COUNT, 'expired', 1)
        free(unique, id)
        if group ~= '' then leave(group, kind) end
        notices[#notices + 1] = { 'expired', id, kind }
      elseif g and (g.waiting > 0 or admitted(g) == 0) then
        call('LPUSH', P .. 'rate:' .. kind, id)
        g.waiting = g.waiting + 1
      else
        if g and g.every then g.tat = math.max(g.tat, now) + g.every end
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
for _, kind in ipairs(call('ZRANGE', RATED, 0, -1)) do
  if known[kind] then
    local g = gate(kind)
    while g.waiting > 0 and want > 0 and bytes < limit and popped < 500 do
      local n = math.min(admitted(g), g.waiting, want, 50, 500 - popped)
      if n == 0 then break end
      local before = g.waiting
      g.waiting = 0
      take(P .. 'rate:' .. kind, n)
      g.waiting = math.max(0, before - n)
    end
  end
end
drain(P .. 'r0')
drain(P .. 'r1')
drain(P .. 'r2')

local open = 60000
for kind, g in pairs(gates) do
  if g.every then call('HSET', TAT, kind, string.format('%.3f', g.tat)) end
  if g.waiting > 0 then
    local at = g.every and math.max(now, math.ceil(g.tat - g.slack)) or now
    call('ZADD', RATED, at, kind)
    open = math.min(open, at - now)
  else
    call('ZREM', RATED, kind)
  end
end

if want <= 0 or bytes >= limit or popped >= 500 then
  -- There is more than this worker can bear: whoever is idle is woken, and wakes the next.
  local left = call('LLEN', P .. 'r1')
  if left == 0 then left = call('LLEN', P .. 'r0') + call('LLEN', P .. 'r2') end
  if left > 0 or parked or open < 60000 then wake(math.max(left, 1)) end
  return { now, 0, meta[4] or '', 0, jobs, notices }
end

-- Nothing is ready any more: tokens have lost their meaning, unless somebody else knows what was parked; and the next due
-- job, expiring lease or open rate is what to wait for.
if parked then wake(TOKENS) else call('DEL', WAKE) end
local due, run = call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2], call('ZRANGE', RUN, 0, 0, 'WITHSCORES')[2]
local wait = math.min(tonumber(due or now + 60000), math.max(quiet, tonumber(run or now + 60000))) - now
return { now, math.max(1, math.min(wait, open, 60000)), meta[4] or '', 0, jobs, notices }
