#!lua flags=allow-oom
-- Puts a queue on the list of queues. The list is in another hash slot than the queue itself.
--
-- KEYS 1    the list, `jq:queues`
-- ARGV 1    the queue's name
-- Answer    1 if that is new, else 0

return call('SADD', KEYS[1], ARGV[1])
