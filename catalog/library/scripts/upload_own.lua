-- SPDX-License-Identifier: GPL-3.0-or-later
-- Ends an upload as the own audio of a track that asks for it, unless it has
-- ended already; answers with the upload's record as it then stands.
-- KEYS 1 account  2 upload  3 track  4 changes  5 recordings  6 contents
--      7 manifest  8 print
-- ARGV 1 account id  2 channel  3 how long the upload is kept (s)
--      4 length of the change log  5 track id  6 content id
--      7 bytes that count against the quota
--      8 manifest  9 packed fingerprint or ''
--      10 until when the manifest's objects are kept for it (ms); 0: for ever
--      11 how many of the following are evidence for the upload
--      12 and on: evidence (name, value, name, ...), then status, reason,
--      sound and evidence of the track likewise
-- include change
-- include kept
-- include sound
local status = redis.call('HGET', KEYS[2], 'status')
if not status then
    return {'refused', 'no_upload'}
end
if status ~= 'waiting' then
    return redis.call('HGETALL', KEYS[2])
end
local entry = redis.call('HMGET', KEYS[3], 'status', 'trashed_ms', 'fixed_ms',
                         'recording_id', 'content_id')
if entry[1] ~= 'matched' or entry[2] or not entry[3] then
    return {'refused', 'not_wanted'}
end
if not is_kept(ARGV[10]) then
    return {'refused', 'stale'}
end
local evidence_count = tonumber(ARGV[11])

local function finish(outcome, reason, track_id)
    if evidence_count > 0 then
        redis.call('HSET', KEYS[2], unpack(ARGV, 12, 11 + evidence_count))
    end
    redis.call('HSET', KEYS[2], 'status', outcome, 'reason', reason,
               'track_id', track_id)
    redis.call('EXPIRE', KEYS[2], ARGV[3])
    redis.call('PUBLISH', ARGV[2], ARGV[1])
    return redis.call('HGETALL', KEYS[2])
end

local there = redis.call('HGET', KEYS[6], ARGV[6])
if there and there ~= ARGV[5] then
    return finish('duplicate', 'duplicate', there)
end
local account = redis.call('HMGET', KEYS[1], 'used_bytes', 'limit_bytes')
if tonumber(account[1] or 0) + tonumber(ARGV[7]) > tonumber(account[2] or 0)
then
    return finish('ineligible', 'quota', '')
end

local version = next_version(KEYS[1])
replace_sound(KEYS[3], 12 + evidence_count)
-- What the track was before the fix is no longer true of its new audio.
redis.call('HSET', KEYS[3], 'version', version, 'content_id', ARGV[6],
           'reason_before', 'held')
redis.call('HINCRBY', KEYS[1], 'used_bytes', ARGV[7])
if redis.call('HGET', KEYS[5], entry[4]) == ARGV[5] then
    redis.call('HDEL', KEYS[5], entry[4])
end
if entry[5] and redis.call('HGET', KEYS[6], entry[5]) == ARGV[5] then
    redis.call('HDEL', KEYS[6], entry[5])
end
redis.call('HSET', KEYS[6], ARGV[6], ARGV[5])
redis.call('SET', KEYS[7], ARGV[8])
if ARGV[9] ~= '' then
    redis.call('SET', KEYS[8], ARGV[9])
end
log_change(KEYS[4], ARGV[4], version, 'changed', ARGV[5])
return finish('uploaded', 'fixed', ARGV[5])
