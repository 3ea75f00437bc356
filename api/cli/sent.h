/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_SENT_H
#define REFRAIN_API_CLI_SENT_H

#include "catalog/id.h"
#include "catalog/vault/crypto.h"
#include "matcher/status.h"

#include <stdbool.h>

/** What this machine has sent to one account of one service before, so that a
 *  scan that is run again sends no file twice. It holds hashes, no names, and
 *  may be lost: then files travel once more.
 *
 *  One line a file, appended in one write(2): 64 hex digits (SHA-256 of the
 *  file), a space, the upload's id, a line feed. Of several lines with one
 *  hash the last counts; other lines are passed over. */
struct sent;

enum {
    /* 64 MiB: 600 000 files. What does not fit is sent again. */
    SENT_MAX_BYTES = 64 * 1024 * 1024,
};

/** folder  where the list is kept, made when missing
 *  url, email  whose it is */
MUST_USE enum status sent_open(struct sent **out, const char *folder,
                               const char *url, const char *email,
                               struct error *err);
/** NULL is fine. */
void sent_close(struct sent *sent);
/** Thread-safe, as is sent_note(). */
bool sent_find(struct sent *sent, const uint8_t hash[SHA256_BYTES],
               char upload_id[ID_SIZE]);
/** upload_id  a valid id */
MUST_USE enum status sent_note(struct sent *sent,
                               const uint8_t hash[SHA256_BYTES],
                               const char *upload_id, struct error *err);

#endif
