-- SPDX-License-Identifier: GPL-3.0-or-later
-- Takes, keeps or gives back the lease of the one collector. Answers with the
-- time (ms), or 0 when another has it. What has ended cannot be kept: others
-- may have worked since.
-- KEYS 1 lease   ARGV 1 who  2 'take', 'keep' or 'give'  3 for how long (ms)
local holder = redis.call('GET', KEYS[1])
if ARGV[2] == 'take' and holder or ARGV[2] ~= 'take' and holder ~= ARGV[1] then
    return 0
end
if ARGV[2] == 'give' then
    redis.call('DEL', KEYS[1])
else
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
end
local now = redis.call('TIME')
return now[1] * 1000 + math.floor(now[2] / 1000)
