#!lua flags=allow-oom
-- Settles up to 500 leased jobs, each only if the fence still holds.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    a random number, 0 ≤ r < 1, for jitter (Redis seeds its own alike in every run)
--      2…   for each job: id; fence; how: done, discard, snooze, retry, dead or release; ms; note
--           snooze: again in ms, the attempt is not counted; retry: again in ms, or by the kind's policy when ms is -1;
--           dead: note is the reason; release: again at once and in front, not counted; retry's note is the last error
-- Answer    {now, for each job: 1 = settled, 2 = it asked for a retry but had no attempts left and is dead, 0 = refused:
--           the lease was lost, or the job is settled already}
--
-- Done and discarded jobs are deleted. Sent again it answers 0 and changes nothing.

local random = tonumber(ARGV[1])
local now = clock()
local ids = {}
for i = 2, #ARGV, 5 do ids[#ids + 1] = ARGV[i] end
if #ids == 0 then return { now } end
if #ids > 500 then return redis.error_reply('BATCH more than 500 jobs') end
local states = call('HMGET', ST, unpack(ids))
local answer, gone, left, counts = { now }, {}, {}, {}
local came, bytes = 0, 0

-- When a job that has failed `attempt` times, at `first` for the first time, runs again.
local function again(backoff, attempt, first)
  local word, rest = string.match(backoff, '^(%l+) (.+)$')
  local numbers = {}
  for number in string.gmatch(rest or '', '[%d.]+') do numbers[#numbers + 1] = tonumber(number) end
  if word == 'table' then
    local jitter, delay = numbers[1], numbers[math.min(attempt, #numbers - 1) + 1]
    return math.max(now, first + math.floor(delay * (1 + jitter / 100 * random)))
  end
  local base, factor, cap, jitter = numbers[1], numbers[2], numbers[3], numbers[4]
  local delay = math.min(cap, base * factor ^ math.min(attempt - 1, 64))
  return now + math.floor(delay * (1 + jitter / 100 * (2 * random - 1)))
end

for k, id in ipairs(ids) do
  local at = 2 + (k - 1) * 5
  local fence, how, ms, note = ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3]), ARGV[at + 4]
  local attempt, crashes, priority, first, size, held, kind, group, unique, error
  if states[k] then
    attempt, crashes, priority, first, size, held, kind, group, unique, error = struct.unpack(STATE, states[k])
  end
  if not held or held == '' or held ~= fence then
    answer[k + 1] = 0
    counts.refused = (counts.refused or 0) + 1
  else
    states[k] = false
    for other = k + 1, #ids do if ids[other] == id then states[other] = false end end
    answer[k + 1] = 1
    left[#left + 1] = id
    if how == 'retry' then
      if first == 0 then first = now end
      if attempt >= policy(kind).attempts then
        answer[k + 1] = 2
        how, note, error = 'dead', 'exhausted: ' .. note, note
      else
        error = note
      end
    end
    if how == 'done' or how == 'discard' then
      gone[#gone + 1] = id
      bytes = bytes + size
      free(unique, id)
      if group ~= '' then came = came + leave(group, kind) end
      how = how == 'done' and 'done' or 'discarded'
    elseif how == 'dead' then
      free(unique, id)
      bury(id, now, note)
      call('HSET', ST, id, pack(attempt, crashes, priority, first, size, '', kind, group, unique, error))
      if group ~= '' then came = came + leave(group, kind) end
      how = 'buried'
    elseif how == 'release' then
      call('RPUSH', P .. 'r' .. priority, id)
      call('HSET', ST, id, pack(attempt - 1, crashes, priority, first, size, '', kind, group, unique, error))
      came = came + 1
      how = 'released'
    else
      local due
      if how == 'snooze' then
        due, attempt, how = now + ms, attempt - 1, 'snoozed'
      else
        due, how = ms >= 0 and now + ms or again(policy(kind).backoff, attempt, first), 'retried'
      end
      -- Who waits for its retry keeps the group waiting too, unless the policy says otherwise.
      if group ~= '' and not policy(kind).hold then
        priority = priority + 128
        came = came + leave(group, kind)
      end
      call('HSET', ST, id, pack(attempt, crashes, priority, first, size, '', kind, group, unique, error))
      call('ZADD', DUE, due, id)
      if call('ZRANGE', DUE, 0, 0)[1] == id then came = came + 1 end
    end
    counts[how] = (counts[how] or 0) + 1
  end
end

if #left > 0 then call('ZREM', RUN, unpack(left)) end
if #gone > 0 then
  call('HDEL', JOB, unpack(gone))
  call('HDEL', ST, unpack(gone))
  call('HINCRBY', COUNT, 'bytes', -bytes)
end
for name, n in pairs(counts) do
  if name ~= 'buried' then call('HINCRBY', COUNT, name, n) end
end
wake(came)
return answer
