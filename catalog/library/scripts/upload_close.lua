-- SPDX-License-Identifier: GPL-3.0-or-later
-- Ends an upload that adds nothing to the library, unless it has ended
-- already; answers with the record as it then stands.
-- KEYS 1 upload
-- ARGV 1 account id  2 channel  3 how long the record is kept (s)
--      4 and on: what to write (name, value, name, ...)
local status = redis.call('HGET', KEYS[1], 'status')
if not status then
    return {'refused', 'no_upload'}
end
if status == 'waiting' then
    redis.call('HSET', KEYS[1], unpack(ARGV, 4))
    redis.call('EXPIRE', KEYS[1], ARGV[3])
    redis.call('PUBLISH', ARGV[2], ARGV[1])
end
return redis.call('HGETALL', KEYS[1])
