-- SPDX-License-Identifier: GPL-3.0-or-later
-- "This is not my song": a matched track asks for the subscriber's own audio,
-- and its recording is denied; an uploaded one is not asked again. Nothing
-- changes for one that was fixed already.
-- KEYS 1 account  2 track  3 changes  4 unmatched  5 denied
-- ARGV 1 account id  2 channel  3 length of the change log  4 track id
--      5 now (ms)
-- include change
local entry = redis.call('HMGET', KEYS[2], 'status', 'trashed_ms', 'fixed_ms',
                         'recording_id', 'reason')
if not entry[1] or entry[2] then
    return {'refused', 'no_track'}
end
if entry[3] then
    return 'ok'
end
local version = next_version(KEYS[1])
local reason = 'fixed'
if entry[1] == 'matched' then
    reason = 'own_audio_wanted'
    redis.call('HSET', KEYS[5], entry[4], ARGV[4])
    redis.call('HSET', KEYS[2], 'denied_id', entry[4])
end
redis.call('ZREM', KEYS[4], ARGV[4])
redis.call('HSET', KEYS[2], 'version', version, 'fixed_ms', ARGV[5],
           'reason', reason, 'reason_before', entry[5] or '')
log_change(KEYS[3], ARGV[3], version, 'changed', ARGV[4])
redis.call('PUBLISH', ARGV[2], ARGV[1])
return 'ok'
