-- SPDX-License-Identifier: GPL-3.0-or-later
-- What is streamed becomes another sound: all fields that described the old
-- one, and the evidence of it, go; those of ARGV from `first` on come (name,
-- value, name, ...). A field that the new one lacks must not stay the old one's.
local described = {duration_ms = true, isrc = true, advisory = true,
                   container = true, size_bytes = true, recording_id = true}
local function replace_sound(track, first)
    for _, name in ipairs(redis.call('HKEYS', track)) do
        if described[name] or string.sub(name, 1, 3) == 'ev_' then
            redis.call('HDEL', track, name)
        end
    end
    redis.call('HSET', track, unpack(ARGV, first))
end
