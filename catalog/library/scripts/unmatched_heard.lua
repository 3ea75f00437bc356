-- SPDX-License-Identifier: GPL-3.0-or-later
-- A track was asked again, by its sound, and stays the subscriber's own.
-- KEYS 1 account  2 track  3 changes  4 unmatched
-- ARGV 1 account id  2 channel  3 length of the change log  4 track id
--      5 content id  6 arrivals that it has been asked about now
--      7 reason, or '' for the one that it has  8 recording of the evidence
--      9 and on: the new evidence (name, value, name, ...), if any
-- include change
-- include unmatched
if not is_as_asked(KEYS[2], KEYS[4], ARGV[4], ARGV[5]) then
    return {'refused', 'changed'}
end
redis.call('ZADD', KEYS[4], 'XX', 'GT', ARGV[6], ARGV[4])
local entry = redis.call('HMGET', KEYS[2], 'reason', 'ev_recording_id')
if ARGV[7] == '' or entry[1] == ARGV[7] and (entry[2] or '') == ARGV[8] then
    return 'ok'
end
for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
    if string.sub(name, 1, 3) == 'ev_' then
        redis.call('HDEL', KEYS[2], name)
    end
end
local version = next_version(KEYS[1])
redis.call('HSET', KEYS[2], 'version', version, 'reason', ARGV[7],
           unpack(ARGV, 9))
log_change(KEYS[3], ARGV[3], version, 'changed', ARGV[4])
redis.call('PUBLISH', ARGV[2], ARGV[1])
return 'ok'
