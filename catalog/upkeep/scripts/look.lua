-- SPDX-License-Identifier: GPL-3.0-or-later
-- What is known of objects that no manifest names. Answers with a number for
-- each: 0 nothing, 1 pinned, 2 condemned, 3 being removed.
-- KEYS 1 pins  2 condemned  3 deleting
-- ARGV names
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local states = {}
for i = 1, #ARGV do
    local pinned_ms = redis.call('ZSCORE', KEYS[1], ARGV[i])
    if redis.call('HEXISTS', KEYS[3], ARGV[i]) == 1 then
        states[i] = 3
    elseif pinned_ms and tonumber(pinned_ms) >= now_ms then
        states[i] = 1
    else
        states[i] = 2 * redis.call('HEXISTS', KEYS[2], ARGV[i])
    end
end
return states
