-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS 1 jobs   ARGV 1 group  2 entry of the stream
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return 'ok'
