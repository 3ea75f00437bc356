-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS 1 jobs   ARGV 1 account id  2 upload id  3 most jobs
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[3]) then
    return {'refused', 'queue_full'}
end
return redis.call('XADD', KEYS[1], '*', 'account', ARGV[1], 'upload', ARGV[2])
