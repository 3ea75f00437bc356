/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/slots.h"

#include <string.h>

/* What four bits at the top of the register add to it: i x 0x1021 in GF(2). */
static const uint16_t of_nibble[16] = {
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
    0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
};

uint16_t redis_crc16(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    unsigned crc = 0;
    for (size_t i = 0; i < length; i++) {
        crc = (crc << 4 & 0xffff) ^ of_nibble[crc >> 12 ^ at[i] >> 4];
        crc = (crc << 4 & 0xffff) ^ of_nibble[crc >> 12 ^ (at[i] & 15)];
    }
    return (uint16_t)crc;
}

uint16_t redis_slot_of(const void *key, size_t length)
{
    const char *text = key;
    const char *open = length == 0 ? NULL : memchr(text, '{', length);
    if (open != NULL) {
        size_t left = length - (size_t)(open + 1 - text);
        const char *close = memchr(open + 1, '}', left);
        if (close != NULL && close > open + 1) {
            text = open + 1;
            length = (size_t)(close - text);
        }
    }
    return redis_crc16(text, length) % REDIS_SLOT_COUNT;
}
