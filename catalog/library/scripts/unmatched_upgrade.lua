-- SPDX-License-Identifier: GPL-3.0-or-later
-- A track was asked again and is the catalog's recording: its master is
-- streamed from now on, its own audio is let go. Names, ids, time and place in
-- the list stay the subscriber's.
-- KEYS 1 account  2 track  3 changes  4 unmatched  5 recordings  6 denied
--      7 manifest  8 print
-- ARGV 1 account id  2 channel  3 length of the change log  4 track id
--      5 content id  6 recording id
--      7 and on: status, reason, sound and evidence (name, value, name, ...)
-- include change
-- include sound
-- include unmatched
if not is_as_asked(KEYS[2], KEYS[4], ARGV[4], ARGV[5]) then
    return {'refused', 'changed'}
end
if redis.call('HEXISTS', KEYS[6], ARGV[6]) == 1 then
    return {'refused', 'denied'}
end
local bytes = redis.call('HGET', KEYS[2], 'size_bytes') or '0'
replace_sound(KEYS[2], 7)
redis.call('HINCRBY', KEYS[1], 'used_bytes', '-' .. bytes)
-- Another track may stand for the recording already: both stay, since each has
-- the subscriber's own names.
redis.call('HSETNX', KEYS[5], ARGV[6], ARGV[4])
redis.call('ZREM', KEYS[4], ARGV[4])
redis.call('DEL', KEYS[7], KEYS[8])
local version = next_version(KEYS[1])
redis.call('HSET', KEYS[2], 'version', version)
log_change(KEYS[3], ARGV[3], version, 'changed', ARGV[4])
redis.call('PUBLISH', ARGV[2], ARGV[1])
return 'ok'
