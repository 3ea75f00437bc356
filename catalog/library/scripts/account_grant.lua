-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS 1 account   ARGV 1 until (ms)  2 account id  3 channel
if redis.call('EXISTS', KEYS[1]) == 0 then
    return {'refused', 'no_account'}
end
redis.call('HSET', KEYS[1], 'granted_until_ms', ARGV[1])
redis.call('PUBLISH', ARGV[3], ARGV[2])
return 'ok'
