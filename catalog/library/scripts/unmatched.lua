-- SPDX-License-Identifier: GPL-3.0-or-later
-- Whether a track is still the one that was asked about: the same bytes,
-- uploaded, and neither fixed nor in the trash, which takes it off the set.
local function is_as_asked(track, unmatched, track_id, content)
    local entry = redis.call('HMGET', track, 'status', 'content_id')
    return entry[1] == 'uploaded' and (entry[2] or '') == content
        and redis.call('ZSCORE', unmatched, track_id)
end
