/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_FIX_H
#define REFRAIN_CATALOG_LIBRARY_FIX_H

#include "catalog/library/library.h"

#include <stdbool.h>

/** "This is not my song", and its undo.
 *
 *  matched    the subscriber's audio was forgotten at the match: the track
 *             wants it ("own_audio_wanted") and plays the master meanwhile,
 *             rather than nothing. The recording is denied: no upload and no
 *             rescan of this account matches it. The next upload with the
 *             track's bytes, or that the matcher holds for that recording,
 *             becomes this very track's own audio (upload_finish())
 *  uploaded   it stays as it is, and is not asked again ("fixed") */

/** Fixes a track; one that is fixed already stays so.
 *  STATUS_NOT_FOUND "no_track": unknown, or in the trash. */
MUST_USE enum status library_fix(struct redis *redis, const char *account_id,
                                 const char *track_id, int64_t now_ms,
                                 struct error *err);
/** Takes it back; for one that is not fixed nothing changes. A track that has
 *  its own audio is asked again at once, about the whole catalog.
 *  STATUS_NOT_FOUND "no_track". */
MUST_USE enum status library_unfix(struct redis *redis, const char *account_id,
                                   const char *track_id, struct error *err);

/** Does the track want the subscriber's own audio? Pure. */
bool entry_wants_audio(const struct entry *entry);

enum denial {
    DENIAL_NONE,
    DENIAL_WANTED, /* denied for a track that wants the subscriber's audio */
    DENIAL_KEPT,   /* denied; the track has its audio, or is gone */
};
/** Whether the account's subscriber said of a recording that it is not the
 *  song. DENIAL_WANTED: out_track_id is the track; else "". */
MUST_USE enum status denial_find(struct redis *redis, const char *account_id,
                                 const char *recording_id, enum denial *out,
                                 char out_track_id[ID_SIZE], struct error *err);

#endif
