#!lua flags=allow-oom
-- Reads or edits the policy of a kind.
--
-- KEYS 1    the queue's prefix
-- ARGV 1    list, set or reset
--      2    kind (set, reset)
--      3    policy text that begins with `operator` (set)
-- Answer    list: {kind, text, kind, text…}; set, reset: 1
--
-- A reset takes the epoch away, so that workers register their code's policies again.

if ARGV[1] == 'list' then return call('HGETALL', POL) end
if ARGV[1] == 'set' then
  call('HSET', POL, ARGV[2], ARGV[3])
elseif ARGV[1] == 'reset' then
  call('HDEL', POL, ARGV[2])
  call('HDEL', META, 'epoch')
else
  return redis.error_reply('BADARG ' .. ARGV[1])
end
return 1
