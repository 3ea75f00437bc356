/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_FILES_H
#define REFRAIN_API_CLI_FILES_H

#include "matcher/buffer.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/** Small files of our own. */

/** The whole of a file.
 *  STATUS_NOT_FOUND "no_file" · STATUS_LIMIT "large_file": over max_bytes ·
 *  STATUS_UNAVAILABLE "unreadable". */
MUST_USE enum status files_read(struct buffer *out, const char *path,
                                size_t max_bytes, struct error *err);
/** Replaces a file by `length` bytes of mode 0600, or leaves it as it was. On
 *  disk when it returns STATUS_OK. STATUS_UNAVAILABLE "unwritable". */
MUST_USE enum status files_replace(const char *path, const void *bytes,
                                   size_t length, struct error *err);
/** mkdir -p with mode 0700. STATUS_UNAVAILABLE "unwritable". */
MUST_USE enum status files_make_folder(const char *path, struct error *err);
/** write(2) until all is out; false with errno. */
bool files_write(int fd, const void *bytes, size_t length);

#endif
