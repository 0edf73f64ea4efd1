#!lua flags=no-writes
-- One job, wherever it is.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    id
-- Answer    empty if there is no such job, else
--           {now, place, ms, envelope, attempt, crashes, first failure ms, fence, last error, reason}
--           place: running (ms: lease deadline), due (ms: when), dead (ms: since), parked, limited (by its kind's rate),
--           or waiting (ready, or for its group; ms 0)

local now = clock()
local id = ARGV[1]
local envelope = call('HGET', JOB, id)
if not envelope then return {} end
local attempt, crashes, first, fence, note, _ = 0, 0, 0, '', '', nil
local state = call('HGET', ST, id)
if state then attempt, crashes, _, first, _, fence, _, _, _, note = struct.unpack(STATE, state) end
local place, ms = 'waiting', 0
for name, key in pairs({ running = RUN, due = DUE, dead = DEAD }) do
  local score = call('ZSCORE', key, id)
  if score then place, ms = name, tonumber(score) end
end
if place == 'waiting' then
  local kind, _, _, version = head(envelope)
  if call('HEXISTS', PARKED, kind .. '@' .. version) == 1
    and call('LPOS', P .. 'park:' .. kind .. '@' .. version, id) then place = 'parked' end
  if call('ZSCORE', RATED, kind) and call('LPOS', P .. 'rate:' .. kind, id) then place = 'limited' end
end
return { now, place, ms, envelope, attempt, crashes, first, fence, note, call('HGET', WHY, id) or '' }
