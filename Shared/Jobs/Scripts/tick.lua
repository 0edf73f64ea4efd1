#!lua flags=no-writes
-- The recurring entries whose time has come.
--
-- KEYS 1    the queue's prefix
-- Answer    {now, ms until the next fire (60000 at most), epoch or '', due: {name, expected fire ms, spec, 1 if paused}…},
--           20 at most

local now, meta = clock('epoch')
local due = call('ZRANGE', P .. 'cronat', '-inf', now, 'BYSCORE', 'LIMIT', 0, 20, 'WITHSCORES')
local answer = { now, 60000, meta[3] or '' }
for i = 1, #due, 2 do
  answer[#answer + 1] = { due[i], due[i + 1], call('HGET', P .. 'crondef', due[i]) or '',
    call('SISMEMBER', P .. 'cronpaused', due[i]) }
end
local next = call('ZRANGE', P .. 'cronat', '(' .. now, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')[2]
if next then answer[2] = math.min(60000, math.max(1, tonumber(next) - now)) end
if #due == 40 then answer[2] = 0 end
return answer
