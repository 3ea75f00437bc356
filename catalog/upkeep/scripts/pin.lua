-- SPDX-License-Identifier: GPL-3.0-or-later
-- Pins objects for a writer, who is about to store them or to rely on them.
-- Those that are being removed are left out: the writer comes again for them.
-- Answers with how many those are, and the time (ms).
-- KEYS 1 pins  2 condemned  3 deleting
-- ARGV 1 for how long (ms)  2 and on: names
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local until_ms = string.format('%.0f', now_ms + tonumber(ARGV[1]))
local refused = 0
for i = 2, #ARGV do
    if redis.call('HEXISTS', KEYS[3], ARGV[i]) == 1 then
        refused = refused + 1
    else
        redis.call('ZADD', KEYS[1], 'GT', until_ms, ARGV[i])
        redis.call('HDEL', KEYS[2], ARGV[i])
    end
end
return {refused, now_ms}
