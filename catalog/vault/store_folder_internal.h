/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_STORE_FOLDER_INTERNAL_H
#define REFRAIN_CATALOG_VAULT_STORE_FOLDER_INTERNAL_H

#include "catalog/vault/store.h"

/** What store_folder.c (objects) and store_folder_list.c (all of them) share.
 *  root_fd is the store's folder; paths are relative to it. */

enum {
    STORE_FOLDER_COUNT = 256, /* by the name's first byte */
    STORE_FOLDER_PATH_SIZE = 3 + 2 * SHA256_BYTES + 1,
};

/** "ab/abcd…" */
void store_folder_path(char out[STORE_FOLDER_PATH_SIZE],
                       const uint8_t name[SHA256_BYTES]);
/** The failure of a read, by its errno. */
enum status store_folder_unreadable(struct error *err, int error);

/** As the method `list` of store.h. Holds the names of one folder, 1/256 of
 *  all, at a time. */
MUST_USE enum status store_folder_list(int root_fd, const uint8_t *after,
                                       store_visit *visit, void *context,
                                       struct error *err);

#endif
