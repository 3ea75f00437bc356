-- SPDX-License-Identifier: GPL-3.0-or-later
-- Gives an e-mail address to an account; answers with who has it then.
-- KEYS 1 e-mail   ARGV 1 account id  2 the holder known to be gone, or ''
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[2] then
    return holder
end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
