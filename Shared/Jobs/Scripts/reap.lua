#!lua flags=allow-oom
-- Recovers expired leases and promotes what is due, for a worker whose slots are all busy: others may have room.
--
-- KEYS 1    the queue's prefix
-- Answer    {now, notices}; notice: {poison or recovered, id, kind}

local now, meta = clock('seen', 'reapafter')
local notices = {}
local came = promote(now)
wake(came + reap(now, meta[3], meta[4], notices))
return { now, notices }
