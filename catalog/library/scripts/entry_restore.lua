-- SPDX-License-Identifier: GPL-3.0-or-later
-- Takes a track out of the trash, to where it was in the library; answers with
-- {'ask', arrivals that it was asked about}, or with 'ok' when it is none of
-- those that are asked again.
-- KEYS 1 account  2 track  3 tracks  4 trash  5 changes  6 recordings
--      7 contents  8 unmatched
-- ARGV 1 account id  2 channel  3 length of the change log  4 track id
-- include change
local entry = redis.call('HMGET', KEYS[2], 'status', 'trashed_ms',
                         'size_bytes', 'recording_id', 'content_id',
                         'added_version', 'asked')
if not entry[1] or not entry[2] then
    return {'refused', 'no_track'}
end
local recording = entry[1] == 'matched' and entry[4]
if recording and redis.call('HEXISTS', KEYS[6], recording) == 1
    or entry[5] and redis.call('HEXISTS', KEYS[7], entry[5]) == 1 then
    return {'refused', 'already_there'}
end
local account = redis.call('HMGET', KEYS[1], 'limit_bytes', 'used_bytes')
local bytes = entry[1] == 'uploaded' and tonumber(entry[3] or 0) or 0
if bytes > 0 and tonumber(account[2] or 0) + bytes > tonumber(account[1] or 0)
then
    return {'refused', 'quota'}
end
local version = next_version(KEYS[1])
redis.call('HSET', KEYS[2], 'version', version)
redis.call('HDEL', KEYS[2], 'trashed_ms', 'asked')
redis.call('ZREM', KEYS[4], ARGV[4])
redis.call('ZADD', KEYS[3], entry[6] or version, ARGV[4])
redis.call('HINCRBY', KEYS[1], 'track_count', 1)
if bytes > 0 then
    redis.call('HINCRBY', KEYS[1], 'used_bytes', entry[3])
end
if recording then
    redis.call('HSET', KEYS[6], recording, ARGV[4])
end
if entry[5] then
    redis.call('HSET', KEYS[7], entry[5], ARGV[4])
end
if entry[7] then
    redis.call('ZADD', KEYS[8], entry[7], ARGV[4])
end
log_change(KEYS[5], ARGV[3], version, 'added', ARGV[4])
redis.call('PUBLISH', ARGV[2], ARGV[1])
return entry[7] and {'ask', entry[7]} or 'ok'
