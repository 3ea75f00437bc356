/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_SPOOL_H
#define REFRAIN_API_SPOOL_H

#include "api/config.h"
#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** Bodies on their way in: DIR/spool/RANDOM.part, readable by us alone. Not
 *  synced: what a handler promises, it syncs first. */

/** Makes an empty file. *fd: read and write, the caller's.
 *  wanted_bytes  what is announced, 0 when that is not known
 *  STATUS_UNAVAILABLE "spool_full", also when what is announced would not fit ·
 *  "spool_write". */
MUST_USE enum status spool_create(const char *folder, uint64_t wanted_bytes,
                                  char out_path[CONFIG_TEXT_SIZE], int *fd,
                                  struct error *err);
/** Appends all of it. STATUS_UNAVAILABLE "spool_full" · "spool_write". */
MUST_USE enum status spool_append(int fd, const void *bytes, size_t length,
                                  struct error *err);

#endif
