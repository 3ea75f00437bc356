-- SPDX-License-Identifier: GPL-3.0-or-later
-- "It is my song after all": takes entry_fix back; answers 'ask' when the track
-- is to be asked again, about the whole catalog.
-- KEYS 1 account  2 track  3 changes  4 unmatched  5 denied  6 print
-- ARGV 1 account id  2 channel  3 length of the change log  4 track id
-- include change
local entry = redis.call('HMGET', KEYS[2], 'status', 'trashed_ms', 'fixed_ms',
                         'denied_id', 'reason_before')
if not entry[1] or entry[2] then
    return {'refused', 'no_track'}
end
if not entry[3] then
    return 'ok'
end
local version = next_version(KEYS[1])
if entry[4] and redis.call('HGET', KEYS[5], entry[4]) == ARGV[4] then
    redis.call('HDEL', KEYS[5], entry[4])
end
local asks = entry[1] == 'uploaded' and redis.call('EXISTS', KEYS[6]) == 1
if asks then
    redis.call('ZADD', KEYS[4], 0, ARGV[4])
end
redis.call('HSET', KEYS[2], 'version', version, 'reason', entry[5] or '')
redis.call('HDEL', KEYS[2], 'fixed_ms', 'denied_id', 'reason_before')
log_change(KEYS[3], ARGV[3], version, 'changed', ARGV[4])
redis.call('PUBLISH', ARGV[2], ARGV[1])
return asks and 'ask' or 'ok'
