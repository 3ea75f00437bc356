/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_UNMATCHED_H
#define REFRAIN_CATALOG_LIBRARY_UNMATCHED_H

#include "catalog/library/library.h"

#include <stdbool.h>

/** Tracks of which the catalog had no recording when they were uploaded: they
 *  are asked again when it gets more (api/rescan.h). Each account has a set of
 *  them with how many recordings had arrived (catalog/releases/arrivals.h) when
 *  a track was asked last; uploading, removal, restoring, fixing and its undo
 *  keep the set right within their own scripts. What lies in the trash is not
 *  asked; once restored, it is asked from where it was. */

/** One more than the largest page of accounts or tracks. */
enum { UNMATCHED_PAGE_MAX = 500 };

struct unmatched {
    char track_id[ID_SIZE];
    uint64_t asked; /* arrivals that the track has met */
};

/** Accounts that had such tracks ever, in no order: one page of the walk.
 *  cursor  "0" first; "0" again at the end
 *  *out    *count ids, free() them; one may come twice. */
MUST_USE enum status unmatched_accounts(struct redis *redis, char cursor[24],
                                        char (**out)[ID_SIZE], size_t *count,
                                        struct error *err);
/** Enters an account into that list: before its first such track, so that a
 *  crash in between leaves an account without tracks, not tracks that nobody
 *  finds. */
MUST_USE enum status unmatched_enter(struct redis *redis,
                                     const char *account_id, struct error *err);
/** Up to UNMATCHED_PAGE_MAX of the account's tracks that have met fewer than
 *  `arrivals`, least first. */
MUST_USE enum status unmatched_list(struct redis *redis, const char *account_id,
                                    uint64_t arrivals,
                                    struct unmatched out[UNMATCHED_PAGE_MAX],
                                    size_t *count, struct error *err);
/** The track has met `arrivals` now. One that is no longer in the set stays
 *  out of it, one that has met more keeps that. */
MUST_USE enum status unmatched_asked(struct redis *redis,
                                     const char *account_id,
                                     const char *track_id, uint64_t arrivals,
                                     struct error *err);
/** Is it in the set still? */
MUST_USE enum status unmatched_has(struct redis *redis, const char *account_id,
                                   const char *track_id, bool *out,
                                   struct error *err);
/** The track's packed fingerprint, appended. STATUS_NOT_FOUND "no_print". */
MUST_USE enum status unmatched_print(struct redis *redis,
                                     const char *account_id,
                                     const char *track_id, struct buffer *out,
                                     struct error *err);

/** A track was asked by its sound and stays the subscriber's own.
 *  entry  as it was asked: id, content_id; reason and evidence as they are to
 *         be, or reason "" when they are to stay. They are written, and the
 *         library changes, only when they differ in reason or recording
 *  STATUS_CONFLICT "changed": it was fixed, removed or became another sound
 *  meanwhile; nothing was written. */
MUST_USE enum status unmatched_heard(struct redis *redis,
                                     const char *account_id,
                                     const struct entry *entry,
                                     uint64_t arrivals, struct error *err);
/** A track was asked and is a recording of the catalog: it becomes matched, its
 *  manifest and fingerprint go. Two tracks of one recording may be the outcome:
 *  each has its subscriber's own names.
 *  entry  id and content_id as it was asked; status, reason, recording_id,
 *         duration_ms, isrc, advisory, container, size_bytes and evidence as
 *         they are to be
 *  STATUS_CONFLICT "changed", as above; "denied": the subscriber has said that
 *  this recording is not the song. Nothing was written. */
MUST_USE enum status unmatched_upgrade(struct redis *redis,
                                       const char *account_id,
                                       const struct entry *entry,
                                       struct error *err);

/** Counts the attempts at one track, so that one that brings the service down
 *  shows itself; forgotten after a day.
 *  unmatched_attempt       begins one: *out with it
 *  unmatched_attempt_undo  it ended, and the fault was elsewhere
 *  unmatched_attempts_end  they were crowned, or are given up */
MUST_USE enum status unmatched_attempt(struct redis *redis,
                                       const char *account_id,
                                       const char *track_id, unsigned *out,
                                       struct error *err);
void unmatched_attempt_undo(struct redis *redis, const char *account_id,
                            const char *track_id);
void unmatched_attempts_end(struct redis *redis, const char *account_id,
                            const char *track_id);

/** One walks over all accounts at a time, whatever number of instances.
 *  who    tells holders apart; *held: it is `who`'s, for lease_ms from now
 *  lease_ms 0 gives it back. */
MUST_USE enum status unmatched_lease(struct redis *redis, const char *who,
                                     uint32_t lease_ms, bool *held,
                                     struct error *err);

#endif
