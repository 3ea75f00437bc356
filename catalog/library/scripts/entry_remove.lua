-- SPDX-License-Identifier: GPL-3.0-or-later
-- Puts a track into the trash.
-- KEYS 1 account  2 track  3 tracks  4 trash  5 changes  6 recordings
--      7 contents  8 unmatched
-- ARGV 1 account id  2 channel  3 length of the change log  4 track id
--      5 now (ms)
-- include change
local entry = redis.call('HMGET', KEYS[2], 'status', 'trashed_ms',
                         'size_bytes', 'recording_id', 'content_id')
if not entry[1] or entry[2] then
    return {'refused', 'no_track'}
end
-- A track in the library is the one that its content id names, and a matched
-- one also the one that its recording names.
local recording = entry[1] == 'matched' and entry[4]
local version = next_version(KEYS[1])
redis.call('HSET', KEYS[2], 'trashed_ms', ARGV[5], 'version', version)
redis.call('ZADD', KEYS[4], ARGV[5], ARGV[4])
redis.call('ZREM', KEYS[3], ARGV[4])
redis.call('HINCRBY', KEYS[1], 'track_count', -1)
if entry[1] == 'uploaded' and entry[3] then
    redis.call('HINCRBY', KEYS[1], 'used_bytes', '-' .. entry[3])
end
-- Of two tracks of one recording (unmatched_upgrade.lua) the other may be the
-- one that is named.
if recording and redis.call('HGET', KEYS[6], recording) == ARGV[4] then
    redis.call('HDEL', KEYS[6], recording)
end
if entry[5] then
    redis.call('HDEL', KEYS[7], entry[5])
end
-- In the trash it is not asked again; restored, it is asked from where it was.
local asked = redis.call('ZSCORE', KEYS[8], ARGV[4])
if asked then
    redis.call('HSET', KEYS[2], 'asked', asked)
    redis.call('ZREM', KEYS[8], ARGV[4])
end
log_change(KEYS[5], ARGV[3], version, 'removed', ARGV[4])
redis.call('PUBLISH', ARGV[2], ARGV[1])
return 'ok'
