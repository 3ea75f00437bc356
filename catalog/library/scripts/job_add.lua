-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS 1 jobs   ARGV 1 most jobs  2 and on: the job (name, value, name, ...)
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then
    return {'refused', 'queue_full'}
end
return redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
