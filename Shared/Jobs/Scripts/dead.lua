#!lua flags=no-writes
-- A page of dead letters, oldest first.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    from: dead since this many ms since 1970, 0 = the first
--      2    passed over among those
--      3    how many, at most 500
--      4    kind, or '' for all
--      5    1 = with whole envelopes, else their heads only
-- Answer    {looked at, {id, dead since ms, reason, attempt, crashes, last error, envelope}…}; looked at < how many says
--           that this was the last page

local n = math.min(500, tonumber(ARGV[3]))
local dead = call('ZRANGE', DEAD, ARGV[1], '+inf', 'BYSCORE', 'LIMIT', ARGV[2], n, 'WITHSCORES')
local answer = { #dead / 2 }
for i = 1, #dead, 2 do
  local id = dead[i]
  local envelope = call('HGET', JOB, id)
  if envelope then
    local kind = head(envelope)
    if ARGV[4] == '' or ARGV[4] == kind then
      local attempt, crashes, note, _ = 0, 0, '', nil
      local state = call('HGET', ST, id)
      if state then attempt, crashes, _, _, _, _, _, _, _, note = struct.unpack(STATE, state) end
      if ARGV[5] ~= '1' then envelope = string.sub(envelope, 1, 1024) end
      answer[#answer + 1] = { id, dead[i + 1], call('HGET', WHY, id) or '', attempt, crashes, note, envelope }
    end
  end
end
return answer
