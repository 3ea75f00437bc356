-- SPDX-License-Identifier: GPL-3.0-or-later
-- All track ids of an account, at one moment: {in the trash, in the library}.
-- KEYS 1 trash  2 tracks
return {redis.call('ZRANGE', KEYS[1], 0, -1),
        redis.call('ZRANGE', KEYS[2], 0, -1)}
