/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_DATA_FOLDER_H
#define REFRAIN_API_DATA_FOLDER_H

#include "api/config.h"
#include "matcher/status.h"

#include <stdbool.h>

/** The data folder: who holds it, what stands in it.
 *
 *    DIR/lock            held (flock) while a refraind serves
 *    DIR/format          written when the first start is through: from then
 *                        on a missing secret is an error, never made anew
 *    DIR/operator.token  0600
 *    DIR/{vault,masters,redis,spool,keys}/  0700 */
struct data_folder {
    char path[CONFIG_TEXT_SIZE]; /* absolute */
    int lock_fd;                 /* -1: not held */
    bool is_first_start; /* no format yet, and nothing that could be lost */
};

/** Makes what is missing and takes the lock. A first start that a crash cut
 *  off is a first start again.
 *  STATUS_UNAVAILABLE "data_folder": missing and not makeable, not writable,
 *  held by another refraind, of another format, or not empty and not ours. */
MUST_USE enum status data_folder_open(struct data_folder *out, const char *path,
                                      struct error *err);
/** DIR/NAME into out. STATUS_UNAVAILABLE "data_folder": too long. */
MUST_USE enum status data_folder_path(const struct data_folder *folder,
                                      const char *name,
                                      char out[CONFIG_TEXT_SIZE],
                                      struct error *err);
/** SHA-256 (hex) of the operator's token, which is made and synced when its
 *  file is missing: removing the file and starting again changes the token. */
MUST_USE enum status data_folder_token(const struct data_folder *folder,
                                       char sha256[65], struct error *err);
/** Ends the first start: all secrets are on disk. */
MUST_USE enum status data_folder_started(struct data_folder *folder,
                                         struct error *err);
/** Gives the lock back. Fine when never opened but zeroed with lock_fd -1. */
void data_folder_close(struct data_folder *folder);

#endif
