-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS 1 devices  2 tokens   ARGV 1 device id
-- include tokens
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
    return {'refused', 'no_device'}
end
end_device(KEYS[1], KEYS[2], ARGV[1])
return 'ok'
