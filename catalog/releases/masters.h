/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_MASTERS_H
#define REFRAIN_CATALOG_RELEASES_MASTERS_H

#include "catalog/releases/releases.h"
#include "catalog/vault/crypto.h"

/** The catalog's own files: DIR/masters/ab/abcd….flac, named after the
 *  SHA-256 of their bytes. A file is there whole and durable, or not at all.
 *  Thread-safe. */

/** SHA-256 of all that `fd` holds; its offset is left alone.
 *  STATUS_UNAVAILABLE "masters_read". */
MUST_USE enum status masters_hash(int fd, uint8_t out[SHA256_BYTES],
                                  struct error *err);
/** The name under the folder of a file with this hash and extension. */
void masters_name(char out[MASTER_NAME_SIZE],
                  const uint8_t sha256[SHA256_BYTES], const char *extension);
/** "flac" for CONTAINER_FLAC, and so on. */
const char *masters_extension(enum container container);

/** Copies `fd` (from 0 to its end; borrowed) into `folder` under `name`, which
 *  masters_name() made of `sha256`; a file that is there already is left.
 *  STATUS_UNAVAILABLE "masters_full" no space, "masters_write" the disk
 *  refuses, "masters_read" the source cannot be read;
 *  STATUS_CONFLICT "file_changed": it is not what was hashed before.
 *  After an error nothing is visible. */
MUST_USE enum status masters_store(const char *folder, const char *name,
                                   const uint8_t sha256[SHA256_BYTES], int fd,
                                   struct error *err);

/** Writes a file that was made from a master, under `name`, in place of what is
 *  there. STATUS_UNAVAILABLE "masters_full", "masters_write": then there is the
 *  old file or none. */
MUST_USE enum status masters_replace(const char *folder, const char *name,
                                     const struct buffer *bytes,
                                     struct error *err);

/** Opens a recording's master to be read: close() *fd.
 *  STATUS_CORRUPT "master_missing", "master_damaged" (another size). */
MUST_USE enum status masters_open(int *fd, const char *folder,
                                  const struct recording *recording,
                                  struct error *err);

/** Makes the folder where missing, and removes copies that a crash left
 *  unfinished a day ago. STATUS_UNAVAILABLE "masters_write". */
MUST_USE enum status masters_prepare(const char *folder, struct error *err);

#endif
