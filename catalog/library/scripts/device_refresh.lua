-- SPDX-License-Identifier: GPL-3.0-or-later
-- Changes a refresh token for new tokens; answers with the device's id.
-- KEYS 1 devices  2 tokens
-- ARGV 1 now (ms)  2 hash of the token given
--      3 hash of new access token   4 its expiry (ms)
--      5 hash of new refresh token  6 its expiry (ms)
--      7 most access tokens of a device  8 most used tokens of a device
-- include tokens
local given = redis.call('HGET', KEYS[2], ARGV[2])
if not given then
    return {'refused', 'invalid_grant'}
end
local device, kind, expiry = token_parts(given)
if not device or tonumber(expiry) <= tonumber(ARGV[1]) then
    return {'refused', 'invalid_grant'}
end
if kind == 'used' then
    -- Two have had the same token, and one of them should not.
    end_device(KEYS[1], KEYS[2], device)
    return {'refused', 'invalid_grant'}
end
if kind ~= 'refresh' or redis.call('HEXISTS', KEYS[1], device) == 0 then
    return {'refused', 'invalid_grant'}
end
redis.call('HSET', KEYS[2], ARGV[2], device .. '|used|' .. expiry,
           ARGV[3], device .. '|access|' .. ARGV[4],
           ARGV[5], device .. '|refresh|' .. ARGV[6])
local live = live_tokens(KEYS[2], tonumber(ARGV[1]))
keep_latest(KEYS[2], live, device, 'access', tonumber(ARGV[7]))
keep_latest(KEYS[2], live, device, 'used', tonumber(ARGV[8]))
return device
