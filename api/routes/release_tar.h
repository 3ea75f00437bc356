/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ROUTES_RELEASE_TAR_H
#define REFRAIN_API_ROUTES_RELEASE_TAR_H

#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** Unpacks a delivered release: libarchive's home. The archive comes over the
 *  network, so it may only say what a flat folder of files is: regular files
 *  with base names ("./" in front is fine, as `tar -C folder -c .` writes it).
 *  Folders, links, devices, "..", absolute names and a name twice are refused,
 *  as are compressed archives: their size could not be bounded by the
 *  request's. */
struct release_tar_limits {
    size_t file_count;
    uint64_t bytes; /* unpacked, all files together */
};

/** fd      the archive, read from its position on; borrowed
 *  folder  existing and empty; the caller removes it, also on failure
 *  STATUS_INVALID "bad_tar" no readable tar archive, or holds what is refused;
 *    "empty" no file in it; "too_many_files"
 *  STATUS_LIMIT "too_large"
 *  STATUS_UNAVAILABLE "spool_full", "spool_write": the disk refuses. */
MUST_USE enum status release_tar_unpack(int fd, const char *folder,
                                        const struct release_tar_limits *limits,
                                        struct error *err);

#endif
