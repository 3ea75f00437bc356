-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS 1 account  2 devices  3 tokens
-- ARGV 1 now (ms)  2 device id  3 device record  4 most devices
--      5 hash of access token   6 its record
--      7 hash of refresh token  8 its record
-- include tokens
if redis.call('EXISTS', KEYS[1]) == 0 then
    return {'refused', 'no_account'}
end
-- A device is signed in as long as it has a refresh token: one that stayed
-- away until its token expired no longer takes a place.
local signed_in = {}
for _, token in ipairs(live_tokens(KEYS[3], tonumber(ARGV[1]))) do
    if token.kind == 'refresh' then
        signed_in[token.device] = true
    end
end
for _, device in ipairs(redis.call('HKEYS', KEYS[2])) do
    if not signed_in[device] then
        end_device(KEYS[2], KEYS[3], device)
    end
end
if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[4]) then
    return {'refused', 'device_limit'}
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('HSET', KEYS[3], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
return 'ok'
