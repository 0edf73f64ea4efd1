#!lua flags=no-writes
-- A page of ids from one place, the next to run (or the oldest) first.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    r0, r1, r2, due, run, dead, park:<kind>@<version>, rate:<kind> or g:<group>
--      2    how many to pass over
--      3    how many, at most 500
-- Answer    {ids…}

local place, from, n = ARGV[1], tonumber(ARGV[2]), math.min(500, tonumber(ARGV[3]))
if place == 'due' or place == 'run' or place == 'dead' then
  return call('ZRANGE', P .. place, from, from + n - 1)
end
local answer = {}
if string.sub(place, 1, 2) == 'g:' then
  for _, waiting in ipairs(call('LRANGE', P .. place, from, from + n - 1)) do answer[#answer + 1] = string.sub(waiting, 2) end
  return answer
end
-- Ready lists are left at the right end.
local ids = call('LRANGE', P .. place, -(from + n), -(from + 1))
for i = #ids, 1, -1 do answer[#answer + 1] = ids[i] end
return answer
