#!lua flags=allow-oom
-- A worker says what it runs: writes the policies of its code and the recurring entries it wants.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    an epoch to begin if there is none: a random text
--      2    number of policies
--      3…   for each policy: kind, policy text that begins with `code`
--      …    for each entry: name, spec, envelope, first fire in ms since 1970
-- Answer    {now, epoch}
--
-- What an operator has set (text that begins with `operator`) stays. An entry with the same spec keeps its next fire; its
-- pause stays in any case. The epoch is in every answer of lease: another one, or none, tells a worker that Redis came
-- back empty or that an operator wants the code's defaults back, and that it must register again.

local now, meta = clock('epoch')
local n = tonumber(ARGV[2])
for i = 1, n do
  local kind, text = ARGV[1 + 2 * i], ARGV[2 + 2 * i]
  local present = call('HGET', POL, kind)
  if present ~= text and not (present and string.sub(present, 1, 9) == 'operator ') then call('HSET', POL, kind, text) end
end
for i = 3 + 2 * n, #ARGV, 4 do
  local name, spec, envelope, first = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local same = call('HGET', P .. 'crondef', name) == spec
  if not (same and call('ZSCORE', P .. 'cronat', name)) then
    call('HSET', P .. 'crondef', name, spec)
    call('ZADD', P .. 'cronat', first, name)
  end
  call('HSET', P .. 'cronjob', name, envelope)
end
local epoch = meta[3]
if not epoch then
  epoch = ARGV[1]
  call('HSET', META, 'epoch', epoch)
end
return { now, epoch }
