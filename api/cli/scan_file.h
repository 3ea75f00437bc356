/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_SCAN_FILE_H
#define REFRAIN_API_CLI_SCAN_FILE_H

#include "api/cli/sent.h"
#include "api/cli/session.h"
#include "catalog/vault/crypto.h"

#include <jansson.h>

/** One file's way to the service: hash, send, wait for the outcome. */

enum {
    /* One long poll; the API allows 60 s. */
    SCAN_POLL_S = 30,
    /* Then the scan goes on: the upload is safe, only its outcome is not
     * known. Two hours of audio behind a full queue take minutes. */
    SCAN_PATIENCE_S = 1800,
};

/** STATUS_UNAVAILABLE "unreadable" with why. */
MUST_USE enum status scan_file_hash(uint8_t out[SHA256_BYTES], const char *path,
                                    struct error *err);

/** Brings one file in, unless an earlier scan did and its track is still
 *  there and does not want it again (refrain fix); then the earlier outcome is
 *  told.
 *  hash  of the file's bytes
 *  for_track  the track whose own audio it is to be; "" none
 *  out   the upload as the API tells it, with "sent" (did bytes travel?);
 *        json_decref() it. A file too large for the service is "ineligible".
 *        Status "waiting" when SCAN_PATIENCE_S went by
 *  STATUS_INVALID "unreadable", "changed"  this file only
 *  else  what the service or the connection says. */
MUST_USE enum status scan_file_send(json_t **out, struct session *session,
                                    struct sent *sent, const char *path,
                                    const uint8_t hash[SHA256_BYTES],
                                    const char *for_track, struct error *err);

#endif
