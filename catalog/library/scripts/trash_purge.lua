-- SPDX-License-Identifier: GPL-3.0-or-later
-- Forgets a track that has been in the trash since a time or longer. 1: it is
-- gone; 0: it was restored, or removed again, meanwhile.
-- KEYS 1 trash  2 track  3 manifest  4 print  5 asking
-- ARGV 1 track id  2 time (ms)
local since = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not since or tonumber(since) > tonumber(ARGV[2]) then
    return 0
end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
