-- SPDX-License-Identifier: GPL-3.0-or-later
-- Records of an account's tokens: SHA-256 of the token -> "DEVICE|KIND|EXPIRY".
-- Kinds: access; refresh (a device has one); used (a refresh token that was
-- changed for a newer one, kept so that its second use is noticed).
local function token_parts(record)
    return string.match(record, '^([^|]*)|([^|]*)|(%d+)$')
end

-- Drops what is expired or unreadable; returns the rest as a list of
-- {hash, device, kind, expiry}.
local function live_tokens(tokens, now)
    local live = {}
    local all = redis.call('HGETALL', tokens)
    for i = 1, #all, 2 do
        local device, kind, expiry = token_parts(all[i + 1])
        if not device or tonumber(expiry) <= now then
            redis.call('HDEL', tokens, all[i])
        else
            live[#live + 1] = {hash = all[i], device = device, kind = kind,
                               expiry = tonumber(expiry)}
        end
    end
    return live
end

-- Keeps the `most` latest tokens of one device and kind, so that a player
-- that signs in again and again does not fill the memory.
local function keep_latest(tokens, live, device, kind, most)
    local found = {}
    for _, token in ipairs(live) do
        if token.device == device and token.kind == kind then
            found[#found + 1] = token
        end
    end
    table.sort(found, function(a, b) return a.expiry > b.expiry end)
    for i = most + 1, #found do
        redis.call('HDEL', tokens, found[i].hash)
    end
end

-- Signs a device out: its record and all its tokens.
local function end_device(devices, tokens, device)
    redis.call('HDEL', devices, device)
    local all = redis.call('HGETALL', tokens)
    for i = 1, #all, 2 do
        if token_parts(all[i + 1]) == device then
            redis.call('HDEL', tokens, all[i])
        end
    end
end
