/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_SLOTS_H
#define REFRAIN_CATALOG_REDIS_SLOTS_H

#include <stddef.h>
#include <stdint.h>

/** Which of a cluster's hash slots a key is in (pure), as "Redis cluster
 *  specification", section "Key distribution model", has it. */

enum { REDIS_SLOT_COUNT = 16384 };

/** CRC-16/XMODEM: polynomial 0x1021, initial value 0, nothing reflected. */
uint16_t redis_crc16(const void *bytes, size_t length);

/** The slot of a key: by what stands between its first "{" and the next "}",
 *  when that is not empty; else by the whole key. */
uint16_t redis_slot_of(const void *key, size_t length);

#endif
