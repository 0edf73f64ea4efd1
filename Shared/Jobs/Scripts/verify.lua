#!lua flags=allow-oom
-- Compares every body with the places that should mention it, and the reverse; puts right what differs.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    1 = put it right, 0 = only look
--      2    most jobs it may look at: it holds the server for about 4 µs each
-- Answer    {now, jobs, {what, how many, what, how many…}, {what, id or name, more}…}, 200 findings at most
-- Error     LARGE, nothing looked at
--
-- what      lost: a body in no place; it goes back in line, by its age       bodiless: a place without a body; forgotten
--           twice: in two places; it stays in the first of run, dead, due, ready, parked, rate, group
--           unleased: running without a fence, or a fence and not running; made ready
--           group: slots counted wrong, or nobody runs and somebody waits     state: kept for no job
--           parked, rated, bytes: counted wrong                               unique: a key that its job should hold

local fix, most = ARGV[1] == '1', tonumber(ARGV[2])
local now = clock()
local held = call('HLEN', JOB)
if held > most then return redis.error_reply('LARGE ' .. held .. ' jobs') end

local counts, order, findings = {}, {}, {}
local function found(what, id, more)
  if not counts[what] then
    counts[what] = 0
    order[#order + 1] = what
  end
  counts[what] = counts[what] + 1
  if #findings < 200 then findings[#findings + 1] = { what, id, more or '' } end
end

-- Bodies and states.
local jobs, groups, kinds, total = {}, {}, {}, 0
local ids = call('HKEYS', JOB)
for from = 1, #ids, 200 do
  local some = { unpack(ids, from, math.min(from + 199, #ids)) }
  local envelopes, states = call('HMGET', JOB, unpack(some)), call('HMGET', ST, unpack(some))
  for i, id in ipairs(some) do
    local kind, priority, created, version, group, unique, window = head(envelopes[i])
    local job = { kind = kind, priority = priority, created = created, park = kind .. '@' .. version, group = group,
      unique = window == 0 and unique or '', state = states[i] }
    if states[i] then
      local _, _, rank, _, _, fence = struct.unpack(STATE, states[i])
      job.fence, job.outside = fence, rank >= 128
    end
    jobs[id], total = job, total + #envelopes[i]
    kinds[kind], kinds[job.park] = true, true
    if group ~= '' then groups[group] = groups[group] or { held = 0 } end
  end
end
for _, group in ipairs(call('HKEYS', GN)) do groups[group] = groups[group] or { held = 0 } end
for _, park in ipairs(call('HKEYS', PARKED)) do kinds[park] = true end
for _, kind in ipairs(call('ZRANGE', RATED, 0, -1)) do kinds[kind] = true end

-- Places, in the order in which they count. What a place says too much is taken out.
local function mention(id, place, remove)
  local job = jobs[id]
  if not job then
    found('bodiless', id, place)
  elseif job.place then
    found('twice', id, job.place .. ' and ' .. place)
  else
    job.place = place
    return true
  end
  if fix then remove() end
  return false
end
for _, place in ipairs({ 'run', 'dead', 'due' }) do
  for _, id in ipairs(call('ZRANGE', P .. place, 0, -1)) do
    local job = jobs[id]
    if place == 'run' and job and (job.fence or '') == '' then
      found('unleased', id, 'running without a fence')
      if fix then call('ZREM', RUN, id) end
    else
      mention(id, place, function() call('ZREM', P .. place, id) end)
    end
  end
end
local function list(key, place, width)
  local n = 0
  for _, entry in ipairs(call('LRANGE', key, 0, -1)) do
    local id = width and string.sub(entry, 2) or entry
    if mention(id, place, function() call('LREM', key, place == 'ready' and 1 or -1, entry) end) or not fix then
      n = n + 1
    end
  end
  return n
end
for priority = 0, 2 do list(P .. 'r' .. priority, 'ready') end
for kind in pairs(kinds) do
  local parked = list(P .. 'park:' .. kind, 'parked')
  local counted = tonumber(call('HGET', PARKED, kind) or 0)
  if parked ~= counted then
    found('parked', kind, counted .. ' instead of ' .. parked)
    if fix then
      if parked > 0 then call('HSET', PARKED, kind, parked) else call('HDEL', PARKED, kind) end
    end
  end
  local limited = list(P .. 'rate:' .. kind, 'rate')
  if limited > 0 and not call('ZSCORE', RATED, kind) then
    found('rated', kind, limited .. ' wait for nothing')
    if fix then call('ZADD', RATED, now, kind) end
  end
end
for group in pairs(groups) do list(P .. 'g:' .. group, 'group', true) end

-- What is nowhere, what is half leased, and who holds which group.
local lost = {}
for id, job in pairs(jobs) do
  if not job.place then
    lost[#lost + 1] = id
    found('lost', id, job.kind)
  elseif job.place ~= 'run' and (job.fence or '') ~= '' then
    found('unleased', id, 'a fence, and ' .. job.place)
  end
  if fix and job.place ~= 'run' and (job.fence or '') ~= '' then
    local attempt, crashes, rank, first, size, _, kind, group, unique, note = struct.unpack(STATE, job.state)
    call('HSET', ST, id, pack(attempt, crashes, rank, first, size, '', kind, group, unique, note))
  end
  if job.group ~= '' and job.place and job.place ~= 'dead' and job.place ~= 'group'
    and not (job.place == 'due' and (not job.state or job.outside)) then
    groups[job.group].held = groups[job.group].held + 1
  end
  if job.unique ~= '' and job.place ~= 'dead' then
    local holder = call('GET', P .. 'u:' .. job.unique)
    if not holder or not jobs[holder] then
      found('unique', id, holder or '')
      if fix then call('SET', P .. 'u:' .. job.unique, id) end
    end
  end
end
table.sort(lost, function(a, b)
  if jobs[a].created ~= jobs[b].created then return jobs[a].created < jobs[b].created end
  return a < b
end)

local came = 0
local again = {}
for _, id in ipairs(lost) do
  local job = jobs[id]
  if job.group ~= '' then
    groups[job.group].lost = groups[job.group].lost or {}
    table.insert(groups[job.group].lost, id)
  else
    again[#again + 1] = id
  end
end
for group, g in pairs(groups) do
  local counted = tonumber(call('HGET', GN, group) or 0)
  local waiting = call('LRANGE', P .. 'g:' .. group, 0, -1)
  if counted ~= g.held then found('group', group, counted .. ' instead of ' .. g.held)
  elseif g.held == 0 and #waiting > 0 then found('group', group, #waiting .. ' wait for nobody') end
  if fix then
    if g.lost then
      for _, id in ipairs(g.lost) do waiting[#waiting + 1] = jobs[id].priority .. id end
      local place = {}
      for i, entry in ipairs(waiting) do place[entry] = i end
      table.sort(waiting, function(a, b)
        local one, other = jobs[string.sub(a, 2)], jobs[string.sub(b, 2)]
        if one.created ~= other.created then return one.created < other.created end
        return place[a] < place[b]
      end)
      call('DEL', P .. 'g:' .. group)
      for _, entry in ipairs(waiting) do call('RPUSH', P .. 'g:' .. group, entry) end
    end
    -- Counted as one more, so that leaving admits those who may run.
    call('HSET', GN, group, g.held + 1)
    local first = waiting[1] and jobs[string.sub(waiting[1], 2)]
    came = came + leave(group, first and first.kind or '')
  end
end
if fix then
  for _, id in ipairs(again) do
    call('LPUSH', P .. 'r' .. jobs[id].priority, id)
    came = came + 1
  end
end

-- What is kept for nobody, and the bytes that FULL counts.
for _, key in ipairs({ ST, WHY }) do
  for _, id in ipairs(call('HKEYS', key)) do
    if not jobs[id] or (key == WHY and jobs[id].place ~= 'dead') then
      found('state', id, '')
      if fix and key == ST then
        local _, _, _, _, _, _, _, _, unique = struct.unpack(STATE, call('HGET', ST, id))
        free(unique, id)
      end
      if fix then call('HDEL', key, id) end
    end
  end
end
local bytes = tonumber(call('HGET', COUNT, 'bytes') or 0)
if bytes ~= total then
  found('bytes', '', bytes .. ' instead of ' .. total)
  if fix then call('HSET', COUNT, 'bytes', total) end
end
wake(came)
local sums = {}
for _, what in ipairs(order) do
  sums[#sums + 1] = what
  sums[#sums + 1] = counts[what]
end
local answer = { now, held, sums }
for _, one in ipairs(findings) do answer[#answer + 1] = one end
return answer
