-- SPDX-License-Identifier: GPL-3.0-or-later
-- Notes a waiting upload; answers with the id that the idempotency key names
-- then: another one's when that came first.
-- KEYS 1 upload  2 idempotency (only when the client gave a key)
-- ARGV 1 upload id  2 the upload whose key may be taken over, or ''
--      3 how long the key is kept (s)
--      4 and on: the record (name, value, name, ...)
if #KEYS == 2 then
    local holder = redis.call('GET', KEYS[2])
    if holder and holder ~= ARGV[2] then
        return holder
    end
    redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[3])
end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
return ARGV[1]
