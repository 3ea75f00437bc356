-- SPDX-License-Identifier: GPL-3.0-or-later
-- Whether objects that are kept until a time (ms; '0': for ever) may still be
-- relied on: a writer that slept too long has to store them anew.
local function is_kept(until_ms)
    local now = redis.call('TIME')
    return until_ms == '0' or
        now[1] * 1000 + math.floor(now[2] / 1000) <= tonumber(until_ms)
end
