-- SPDX-License-Identifier: GPL-3.0-or-later
-- What becomes of objects that no manifest names, for a collector: first they
-- are condemned; when they have been for long enough, they are to be removed,
-- and from now on no writer may rely on them.
-- Answers with a number for each: 0 pinned, 1 condemned now, 2 condemned
-- before, 3 to be removed.
-- KEYS 1 pins  2 condemned  3 deleting  4 lease
-- ARGV 1 who  2 when the run began (ms)  3 how long it may take (ms)
--      4 grace (ms)  5 '1' for a dry run  6 and on: names
if redis.call('GET', KEYS[4]) ~= ARGV[1] then
    return {'refused', 'lease'}
end
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
if now_ms > tonumber(ARGV[2]) + tonumber(ARGV[3]) then
    return {'refused', 'late'}
end
local now_text = string.format('%.0f', now_ms)
local dry = ARGV[5] == '1'
local function state_of(name)
    local pinned_ms = redis.call('ZSCORE', KEYS[1], name)
    if pinned_ms and tonumber(pinned_ms) >= now_ms then
        return 0
    end
    local since_ms = redis.call('HGET', KEYS[2], name)
    if not since_ms then
        if not dry then
            redis.call('HSET', KEYS[2], name, now_text)
        end
        since_ms = now_ms
        if tonumber(ARGV[4]) > 0 then
            return 1
        end
    end
    if tonumber(since_ms) + tonumber(ARGV[4]) > now_ms then
        return 2
    end
    if not dry then
        redis.call('HSET', KEYS[3], name, now_text)
    end
    return 3
end
local states = {}
for i = 6, #ARGV do
    states[#states + 1] = state_of(ARGV[i])
end
return states
