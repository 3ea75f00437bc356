-- SPDX-License-Identifier: GPL-3.0-or-later
-- Takes or keeps a lease; gives it back when the time is 0. 1: it is held.
-- KEYS 1 lease   ARGV 1 who  2 for how long (ms)
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
    return 0
end
if ARGV[2] == '0' then
    redis.call('DEL', KEYS[1])
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
