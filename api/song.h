/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_SONG_H
#define REFRAIN_API_SONG_H

#include "api/service.h"
#include "catalog/library/uploads.h"

/** The way of one song: spool → decode → fingerprint → candidates → verdict →
 *  vault → library. Everything before the last step may be repeated: chunks of
 *  equal contents are the same chunks, and upload_finish() decides once. */

/** upload  a waiting one
 *  out     its record as it stands afterwards, on STATUS_OK
 *  STATUS_OK           the outcome is committed; the spool file is no longer
 *                      needed
 *  STATUS_UNAVAILABLE  Redis, disk, vault or decoder is gone: the song is as it
 *                      was, try later
 *  others              something of ours is broken ("spool_lost",
 *                      "account_key" …): nothing was committed. */
MUST_USE enum status song_carry(const struct service *service,
                                struct redis *redis,
                                const struct upload *upload, struct upload *out,
                                struct error *err);

#endif
