/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_STASH_H
#define REFRAIN_API_STASH_H

#include "api/config.h"
#include "catalog/id.h"
#include "matcher/status.h"

/** Uploads that wait in DIR/spool for their way into a library.
 *
 *    ACCOUNT.UPLOAD.audio     the bytes, synced before anyone is told
 *    ACCOUNT.UPLOAD.attempts  one byte for every attempt to work on it that
 *                             has not ended in order: a file that brings the
 *                             service down shows itself by its length
 *    failed/                  audio that was given up, kept for the operator
 *    release-XXXXXX/          a delivered release while it is loaded
 *    RANDOM.part              a request's body on its way in (spool.h)
 *
 *  Other names are not touched here. Thread-safe as long as one upload is
 *  handled by one thread.
 *  Where no status is named, the disk's faults are STATUS_UNAVAILABLE
 *  "spool_full" (no space) and "spool_write". */

enum { STASH_PATH_SIZE = CONFIG_TEXT_SIZE + 2 * ID_SIZE + 32 };

/** Which upload; borrowed, valid ids. */
struct stash_item {
    const char *folder; /* DIR/spool */
    const char *account_id;
    const char *upload_id;
};

/** Makes a request's body the upload's: file synced, renamed, folder synced.
 *  On STATUS_OK a crash cannot lose it any more and `body_path` is gone. */
MUST_USE enum status stash_keep(const struct stash_item *item, int body_fd,
                                const char *body_path, struct error *err);
/** Opens the bytes for reading; *fd is the caller's.
 *  STATUS_CORRUPT "spool_lost": the file is gone. */
MUST_USE enum status stash_open(const struct stash_item *item, int *fd,
                                struct error *err);
/** Forgets bytes and attempts; missing ones are fine. */
void stash_remove(const struct stash_item *item);
/** Puts the bytes aside into failed/ and forgets the attempts; missing bytes
 *  are fine. */
MUST_USE enum status stash_put_aside(const struct stash_item *item,
                                     struct error *err);

/** Notes the beginning of an attempt; returns how many have begun and not been
 *  taken back, this one included. A disk that is too full to note it counts as
 *  the first: then nothing can be stored either, and waiting is right. */
unsigned stash_attempt(const struct stash_item *item);
/** The attempt ended in order, the fault was elsewhere: it does not count. */
void stash_attempt_undo(const struct stash_item *item);

/** Called for every upload that lies in the spool. */
typedef enum status (*stash_visit)(void *context, const struct stash_item *item,
                                   struct error *err);
/** Visits the uploads that an earlier run left behind, and removes what it
 *  promised to nobody: bodies, half-loaded releases, attempts without audio.
 *  Before any thread or request works here.
 *  Stops at the first error of `visit` and returns it. */
MUST_USE enum status stash_sweep(const char *folder, stash_visit visit,
                                 void *context, struct error *err);

/** A new empty folder for a release; stash_release_remove() it. */
MUST_USE enum status stash_release_make(const char *folder,
                                        char out[STASH_PATH_SIZE],
                                        struct error *err);
/** Removes the folder with the files in it. */
void stash_release_remove(const char *path);

#endif
