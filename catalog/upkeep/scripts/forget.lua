-- SPDX-License-Identifier: GPL-3.0-or-later
-- Objects are gone, or somebody owns them again: nothing is kept of them. 1:
-- done; 0: the lease is another's.
-- KEYS 1 condemned  2 deleting  3 lease
-- ARGV 1 who  2 and on: names
if redis.call('GET', KEYS[3]) ~= ARGV[1] then
    return 0
end
redis.call('HDEL', KEYS[1], unpack(ARGV, 2))
redis.call('HDEL', KEYS[2], unpack(ARGV, 2))
return 1
