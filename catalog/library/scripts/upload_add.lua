-- SPDX-License-Identifier: GPL-3.0-or-later
-- Ends an upload with a new entry of the library, unless it has ended
-- already; answers with the upload's record as it then stands.
-- KEYS 1 account  2 upload  3 track  4 tracks  5 changes  6 recordings
--      7 contents  8 manifest  9 print  10 unmatched  11 denied
-- ARGV 1 account id  2 channel  3 how long the upload is kept (s)
--      4 length of the change log  5 track id
--      6 status: 'matched' or 'uploaded'  7 reason
--      8 recording id or ''  9 content id or ''
--      10 bytes that count against the quota
--      11 manifest or ''  12 packed fingerprint or ''
--      13 how many recordings the catalog had when it was asked; '' for a
--         track that is not to be asked again
--      14 until when the manifest's objects are kept for it (ms); 0: for ever
--      15 how many of the following are evidence for the upload
--      16 and on: evidence (name, value, name, ...), then the entry likewise
-- include change
-- include kept
local status = redis.call('HGET', KEYS[2], 'status')
if not status then
    return {'refused', 'no_upload'}
end
if status ~= 'waiting' then
    return redis.call('HGETALL', KEYS[2])
end
if redis.call('EXISTS', KEYS[1]) == 0 then
    return {'refused', 'no_account'}
end
if not is_kept(ARGV[14]) then
    return {'refused', 'stale'}
end
-- The subscriber has said meanwhile that this recording is not the song.
if ARGV[8] ~= '' and redis.call('HEXISTS', KEYS[11], ARGV[8]) == 1 then
    return {'refused', 'denied'}
end
local evidence_count = tonumber(ARGV[15])

local function finish(outcome, reason, track_id)
    if evidence_count > 0 then
        redis.call('HSET', KEYS[2], unpack(ARGV, 16, 15 + evidence_count))
    end
    redis.call('HSET', KEYS[2], 'status', outcome, 'reason', reason,
               'track_id', track_id)
    redis.call('EXPIRE', KEYS[2], ARGV[3])
    redis.call('PUBLISH', ARGV[2], ARGV[1])
    return redis.call('HGETALL', KEYS[2])
end

-- The same sound, or the very same bytes, is there already.
local there = ARGV[8] ~= '' and redis.call('HGET', KEYS[6], ARGV[8])
    or ARGV[9] ~= '' and redis.call('HGET', KEYS[7], ARGV[9])
if there then
    return finish('duplicate', 'duplicate', there)
end
local bytes = tonumber(ARGV[10])
local account = redis.call('HMGET', KEYS[1], 'used_bytes', 'limit_bytes')
if bytes > 0 and tonumber(account[1] or 0) + bytes > tonumber(account[2] or 0)
then
    return finish('ineligible', 'quota', '')
end

local version = next_version(KEYS[1])
redis.call('HINCRBY', KEYS[1], 'track_count', 1)
redis.call('HINCRBY', KEYS[1], 'used_bytes', ARGV[10])
redis.call('HSET', KEYS[3], 'version', version, 'added_version', version,
           unpack(ARGV, 16 + evidence_count))
redis.call('ZADD', KEYS[4], version, ARGV[5])
if ARGV[8] ~= '' then
    redis.call('HSET', KEYS[6], ARGV[8], ARGV[5])
end
if ARGV[9] ~= '' then
    redis.call('HSET', KEYS[7], ARGV[9], ARGV[5])
end
if ARGV[11] ~= '' then
    redis.call('SET', KEYS[8], ARGV[11])
end
if ARGV[12] ~= '' then
    redis.call('SET', KEYS[9], ARGV[12])
    if ARGV[13] ~= '' then
        redis.call('ZADD', KEYS[10], ARGV[13], ARGV[5])
    end
end
log_change(KEYS[5], ARGV[4], version, 'added', ARGV[5])
return finish(ARGV[6], ARGV[7], ARGV[5])
