-- SPDX-License-Identifier: GPL-3.0-or-later
-- Raises the library's version by one and returns it as text, which the
-- caller keeps in the entry. string.format: Lua 5.1 prints 1e15 as "1e+15".
local function next_version(account)
    return string.format('%.0f', redis.call('HINCRBY', account, 'version', 1))
end

-- Logs the change under its version. The log keeps about log_length changes;
-- who asks for older ones is told to list the library anew.
local function log_change(changes, log_length, version, kind, track_id)
    redis.call('XADD', changes, 'MAXLEN', '~', log_length, version .. '-0',
               'kind', kind, 'track', track_id)
end
