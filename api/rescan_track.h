/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_RESCAN_TRACK_H
#define REFRAIN_API_RESCAN_TRACK_H

#include "api/service.h"
#include "catalog/library/uploads.h"

/** One track that is asked again: its stored fingerprint first, by that which
 *  the catalog got since; only when that is promising, its audio is opened from
 *  the vault into an unlinked file of the spool and judged as an upload is. A
 *  match makes the track the catalog's (unmatched_upgrade()). */

/** job  of JOB_RESCAN
 *  STATUS_OK           it is settled: upgraded, still its own, or not to be
 *                      asked any more (removed, fixed, changed)
 *  STATUS_UNAVAILABLE  Redis, disk, vault or decoder is gone: try later
 *  others              something of ours is broken ("chunk_corrupt" …)
 *  In any case the track is as it was, or whole as what it is now; a repetition
 *  after a crash anywhere ends the same way. */
MUST_USE enum status rescan_track(const struct service *service,
                                  struct redis *redis, const struct job *job,
                                  struct error *err);

#endif
