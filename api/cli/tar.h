/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_TAR_H
#define REFRAIN_API_CLI_TAR_H

#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** Files as a tar archive (POSIX.1-2001 pax) that is made while it is read: no
 *  copy on disk, a header of it in memory. One thread. (libarchive, which reads
 *  it at the other end, only writes: it cannot be asked for the next bytes, nor
 *  tell its length before.) */
struct tar;

/** paths  files to put in, by their base names, in which bytes that are no
 *         UTF-8 are replaced; borrowed until tar_close()
 *  STATUS_INVALID "unreadable": one of them, named. */
MUST_USE enum status tar_open(struct tar **out, char *const *paths,
                              size_t path_count, struct error *err);
/** NULL is fine. */
void tar_close(struct tar *tar);
/** Bytes of the whole archive, known in advance. */
uint64_t tar_size(const struct tar *tar);
/** The next bytes: how many, at most `length` (1 at least); 0 at the end; -1
 * when a file cannot be read or is not as long any more as tar_open() found it:
 * then tar_error() says which. */
int64_t tar_read(struct tar *tar, char *out, size_t length);
const struct error *tar_error(const struct tar *tar);
/** Starts anew. */
void tar_rewind(struct tar *tar);

#endif
