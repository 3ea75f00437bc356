-- SPDX-License-Identifier: GPL-3.0-or-later
-- Whose access token is this? Answers with the device's id.
-- KEYS 1 devices  2 tokens
-- ARGV 1 now (ms)  2 hash of the token  3 how old "last seen" may get (ms)
-- include tokens
local found = redis.call('HGET', KEYS[2], ARGV[2])
if not found then
    return {'refused', 'invalid_token'}
end
local device, kind, expiry = token_parts(found)
if kind ~= 'access' or tonumber(expiry) <= tonumber(ARGV[1]) then
    return {'refused', 'invalid_token'}
end
local record = redis.call('HGET', KEYS[1], device)
if not record then
    return {'refused', 'invalid_token'}
end
-- A record is "CREATED|LAST_SEEN|NAME"; every write waits for the disk, so
-- only a stale time is written again.
local created, seen, name = string.match(record, '^(%d+)|(%d+)|(.*)$')
if created and tonumber(ARGV[1]) - tonumber(seen) >= tonumber(ARGV[3]) then
    redis.call('HSET', KEYS[1], device, created .. '|' .. ARGV[1] .. '|' .. name)
end
return device
