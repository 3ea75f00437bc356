/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_COMMAND_H
#define REFRAIN_CATALOG_REDIS_COMMAND_H

#include "catalog/redis/redis.h"

/** What a command's words say about where it goes and how long it takes
 *  (pure). */

/** Index of the key in `args`; 0: the command has none and goes to any node.
 *  A command that is not in the table, or has keys that might be in several
 *  slots, is a bug of ours: the process ends with its name on stderr, as an
 *  assert does. */
size_t redis_command_key(const struct redis_arg *args, size_t arg_count);

/** How long the command itself may take to answer: BLOCK of XREAD[GROUP], ms;
 *  0 for all others. BLOCK 0, which never ends, is a bug: asserted. */
uint32_t redis_command_blocks_ms(const struct redis_arg *args,
                                 size_t arg_count);

#endif
