-- What every script of the queue begins with: names, the clock, the two packed records and the moves that several
-- transitions share. It is put in front of each script and has no KEYS, ARGV or answer of its own.
--
-- KEYS 1 is the queue's prefix, `jq:{name}:` or `jq:{name#shard}:`; every key is made from it, so all stand in one hash slot.

local P = KEYS[1]
local call = redis.call
local NAME = string.match(P, '{([^#}]*)') or ''
local JOB, ST, DUE, RUN = P .. 'job', P .. 'st', P .. 'due', P .. 'run'
local META, COUNT, POL, GN = P .. 'meta', P .. 'count', P .. 'pol', P .. 'gn'
local DEAD, WHY, PARKED, WAKE = P .. 'dead', P .. 'why', P .. 'parked', P .. 'wake'
local TAT, RATED = P .. 'tat', P .. 'rated'

local CRASHES = 3 -- a job that took this many workers with it is poison
local TOKENS = 8 -- idle workers woken at once
local AWAY, GRACE = 15000, 4000 -- see reap
local EPOCH = 1735689600000 -- 2025: what an envelope counts from

if #ARGV > 5000 then error('too many arguments') end

-- The server's time in ms, and the fields of meta asked for. A test may bring its own time: testing = 1, now = ms.
local function clock(...)
  local meta = call('HMGET', META, 'testing', 'now', ...)
  if meta[1] == '1' and meta[2] then return tonumber(meta[2]), meta end
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000), meta
end

-- The head of an envelope (JobEnvelope.swift): kind, priority, created ms, payload version, group, unique key, window s.
-- A format from a later release reads as a kind that nobody knows, so the job is parked and not broken.
local function head(envelope)
  local flags, created, kind, at = struct.unpack('>BI5Bc0', envelope)
  if flags < 128 or flags > 191 then return '?' .. flags, 1, EPOCH, 1, '', '', 0 end
  if string.byte(kind) == 46 then kind = NAME .. kind end
  local version, group, unique, window = 1, '', '', 0
  if flags >= 132 then
    if bit.band(flags, 4) ~= 0 then version, at = struct.unpack('>H', envelope, at) end
    if bit.band(flags, 8) ~= 0 then group, at = struct.unpack('>Bc0', envelope, at) end
    if bit.band(flags, 16) ~= 0 then unique, window, at = struct.unpack('>Bc0I4', envelope, at) end
  end
  return kind, bit.band(flags, 3), EPOCH + created, version, group, unique, window
end

-- An envelope as it is kept: dated by the queue's clock, bytes 2 to 6.
local function dated(envelope, now)
  return string.sub(envelope, 1, 1) .. struct.pack('>I5', math.max(0, now - EPOCH)) .. string.sub(envelope, 7)
end

-- A state: attempt, crashes, priority, first failure ms, size, fence, kind, group, unique key, last error.
-- Written at the first lease, so later transitions never read a body. No fence: not running. The unique key is kept here
-- only when settling must free it. `outside` counts 128 into the priority: the job waits for its retry without its
-- group's slot.
local STATE = '>HBBI6I4Bc0Bc0Bc0Bc0Hc0'
local function pack(attempt, crashes, priority, first, size, fence, kind, group, unique, note)
  return struct.pack(STATE, attempt, crashes, priority, first, size, #fence, fence, #kind, kind, #group, group,
    #unique, unique, #note, note)
end

-- attempts, lease ms, timeout ms, expiry ms, hold, slots, rate, backoff of a kind (JobPolicy.swift writes the text).
-- Rate: `every` is ms between two jobs, `slack` how far ahead of that they may run.
local policies = {}
local function policy(kind)
  local known = policies[kind]
  if not known then
    local text = call('HGET', POL, kind) or ''
    local _, _, attempts, lease, timeout, expiry, hold, slots, backoff =
      string.find(text, '^%l+ (%d+) (%d+) (%d+) (%d+) ([01]) (%d+) (.+)$')
    known = attempts and { attempts = tonumber(attempts), lease = tonumber(lease), timeout = tonumber(timeout),
      expiry = tonumber(expiry), hold = hold == '1', slots = math.max(1, tonumber(slots)), backoff = backoff }
      or { attempts = 5, lease = 30000, timeout = 0, expiry = 0, hold = true, slots = 1,
        backoff = 'exp 15000 2 3600000 20' }
    local count, period, burst, rest = string.match(known.backoff, '^rate=(%d+)/(%d+)/(%d+) (.+)$')
    if count and tonumber(count) > 0 then
      known.backoff, known.every = rest, tonumber(period) / tonumber(count)
      known.slack = known.every * math.max(0, tonumber(burst) - 1)
    end
    policies[kind] = known
  end
  return known
end

-- Wakes up to n idle workers.
local function wake(n)
  if n <= 0 then return end
  local free = math.min(n, TOKENS - call('LLEN', WAKE))
  if free == 1 then call('LPUSH', WAKE, '1') elseif free > 1 then
    call('LPUSH', WAKE, unpack({ '1', '1', '1', '1', '1', '1', '1', '1' }, 1, free))
  end
end

-- Makes a job ready, behind its equals, or lets it wait for a slot of its group. Answers 1 if it is ready.
local function ready(id, priority, group, kind)
  if group ~= '' then
    local held = tonumber(call('HGET', GN, group) or 0)
    if held > 0 then
      local slots = policy(kind).slots
      if held >= slots or call('EXISTS', P .. 'g:' .. group) == 1 then
        call('RPUSH', P .. 'g:' .. group, priority .. id)
        return 0
      end
    end
    call('HINCRBY', GN, group, 1)
  end
  call('LPUSH', P .. 'r' .. priority, id)
  return 1
end

-- Gives a slot of a group back and readies who waited for it. Answers how many became ready.
local function leave(group, kind)
  local held = call('HINCRBY', GN, group, -1)
  local slots, came = policy(kind).slots, 0
  while held < slots do
    local waiting = call('LPOP', P .. 'g:' .. group)
    if not waiting then break end
    call('LPUSH', P .. 'r' .. string.sub(waiting, 1, 1), string.sub(waiting, 2))
    held, came = held + 1, came + 1
  end
  if came > 0 then call('HINCRBY', GN, group, came) end
  if held <= 0 then call('HDEL', GN, group) end
  return came
end

-- Frees the unique key if this job still holds it.
local function free(unique, id)
  if unique ~= '' and call('GET', P .. 'u:' .. unique) == id then call('DEL', P .. 'u:' .. unique) end
end

-- Puts a job among the dead letters; it keeps its body and its state.
local function bury(id, now, reason)
  call('ZADD', DEAD, now, id)
  call('HSET', WHY, id, reason)
  call('HINCRBY', COUNT, 'dead', 1)
end

-- Moves up to 100 jobs whose time has come to the ready lists. Answers how many became ready.
local function promote(now)
  local ids = call('ZRANGE', DUE, '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)
  if #ids == 0 then return 0 end
  call('ZREM', DUE, unpack(ids))
  local states, came = call('HMGET', ST, unpack(ids)), 0
  for i, id in ipairs(ids) do
    if states[i] then
      local _, _, priority, _, _, _, kind, group = struct.unpack(STATE, states[i])
      if priority >= 128 then
        came = came + ready(id, priority - 128, group, kind)
      else
        call('LPUSH', P .. 'r' .. priority, id)
        came = came + 1
      end
    else
      local envelope = call('HGET', JOB, id)
      if envelope then
        local kind, priority, _, _, group = head(envelope)
        came = came + ready(id, priority, group, kind)
      end
    end
  end
  return came
end

-- Recovers up to 50 jobs whose lease has expired: a crash is counted, the attempt is not; the third crash is the last.
-- They go to the front, still holding their group. Answers how many became ready, and notices {what, id, kind}.
--
-- When no worker has leased for AWAY ms, Redis itself was away (or stopped, or its clock jumped), and live workers could
-- not extend: then recovery waits GRACE ms for their heartbeats. It is short enough that a lone worker, started again
-- when the leases of its former life are about to end, still takes them up within 35 s of its death. `seen` is written
-- at most once a second. The third answer is until when recovery waits, 0 if it does not.
local function reap(now, seen, after, notices)
  seen, after = tonumber(seen or 0), tonumber(after or 0)
  if now - seen >= 1000 or now < seen then
    if seen > 0 and (now - seen > AWAY or now < seen - 1000) then
      after = now + GRACE
      call('HSET', META, 'seen', now, 'reapafter', after)
    else
      call('HSET', META, 'seen', now)
    end
  end
  if now < after and after - now <= GRACE then return 0, after end
  local ids = call('ZRANGE', RUN, '-inf', now, 'BYSCORE', 'LIMIT', 0, 50)
  if #ids == 0 then return 0, 0 end
  call('ZREM', RUN, unpack(ids))
  local states, came = call('HMGET', ST, unpack(ids)), 0
  for i, id in ipairs(ids) do
    if states[i] then
      local attempt, crashes, priority, first, size, _, kind, group, unique, note = struct.unpack(STATE, states[i])
      crashes = crashes + 1
      call('HSET', ST, id, pack(math.max(0, attempt - 1), crashes, priority, first, size, '', kind, group, unique, note))
      if crashes >= CRASHES then
        free(unique, id)
        bury(id, now, 'poison')
        if group ~= '' then came = came + leave(group, kind) end
        notices[#notices + 1] = { 'poison', id, kind }
      else
        call('RPUSH', P .. 'r' .. priority, id)
        came = came + 1
        notices[#notices + 1] = { 'recovered', id, kind }
      end
      call('HINCRBY', COUNT, 'crashed', 1)
    end
  end
  return came, 0
end
