/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_LIBRARY_H
#define REFRAIN_CATALOG_LIBRARY_LIBRARY_H

#include "catalog/id.h"
#include "catalog/redis/redis.h"
#include "matcher/audio.h"
#include "matcher/buffer.h"
#include "matcher/verdict.h"

#include <stdint.h>

/** One subscriber's library: entries, and the log of its changes. Each change
 *  is one script over keys of one account; it raises the library's version by
 *  one and is announced on key_changed_channel(). */

enum {
    FILENAME_SIZE = 256,
    REASON_SIZE = 32,
    LIBRARY_PAGE_MAX = 500, /* entries in one answer: about 2 MB here */
    CHANGES_PAGE_MAX = 1000,
    /* Changes that the log keeps, about: some 100 bytes each, so 1 MB of
     * Redis for a library that was renewed ten thousand times. */
    CHANGES_KEPT = 10000,
};

/** How far the catalog was searched (api/judge.h): stored as words, see
 *  catalog/FORMAT.md. */
enum attempt {
    ATTEMPT_FIRST = 0,  /* by the file's own terms */
    ATTEMPT_NEIGHBOURS, /* and by their one-bit neighbours */
};

/** Why a track is what it is: what the matcher saw, with the names that the
 *  catalog had then. recording_id "" when nothing in the catalog was near. */
struct evidence {
    enum verdict_kind kind;
    char recording_id[ID_SIZE];
    char title[TAG_SIZE]; /* the catalog's */
    char artist[TAG_SIZE];
    char release[TAG_SIZE]; /* the release's title */
    char isrc[16];
    double bit_error_rate;
    enum verdict_cause cause; /* the rule that it did not pass */
    double sketch_score;      /* these four: as in struct verdict */
    double side_score;
    double residual_db;
    double drift_ppm;
    enum attempt attempt; /* the last that was made */
    uint32_t aligned_ms;
    int32_t offset_ms;
    uint32_t candidate_count;   /* recordings that shared enough terms */
    char runner_up_id[ID_SIZE]; /* "" none */
    double runner_up_bit_error_rate;
    struct stretch differences[VERDICT_MAX_DIFFERENCES];
    size_t difference_count;
};

enum entry_status { ENTRY_MATCHED, ENTRY_UPLOADED };

/** A track of a library. */
struct entry {
    char id[ID_SIZE];
    enum entry_status status;
    char reason[REASON_SIZE]; /* "matched", "no_candidate", "other_edition" … */
    char title[TAG_SIZE];     /* the subscriber's tags, else the catalog's */
    char artist[TAG_SIZE];
    char album[TAG_SIZE];
    char album_artist[TAG_SIZE];
    uint32_t disc;
    uint32_t track;
    char date[32];
    char isrc[16];
    enum advisory advisory;
    uint32_t duration_ms;
    int64_t added_ms;
    int64_t
        fixed_ms; /* "this is not my song" (fix.h) was said; 0: it was not */
    char filename[FILENAME_SIZE]; /* as uploaded; a hint for downloads */
    enum container container;     /* of what is streamed */
    uint64_t size_bytes;          /* of what is streamed */
    char recording_id[ID_SIZE];   /* ENTRY_MATCHED: its master is streamed */
    char content_id[65]; /* keyring_content_id() of the uploaded bytes */
    uint64_t version;    /* of the library when the entry last changed */
    struct evidence evidence;
};

/** STATUS_NOT_FOUND "no_track": unknown, another account's, or in the trash. */
MUST_USE enum status library_entry(struct redis *redis, const char *account_id,
                                   const char *track_id, struct entry *out,
                                   struct error *err);

/** Entries in the order in which they were added, after `cursor` (0 first).
 *  *out: *count entries, free() them; *next is the following cursor, 0 at the
 *  end; *version is the library's, read before the entries: who asks for the
 *  changes after it misses nothing. An entry that is removed while a page is
 *  read may be left out (so *count may be less than `limit` before the end).
 *  limit 1..LIBRARY_PAGE_MAX. */
MUST_USE enum status library_list(struct redis *redis, const char *account_id,
                                  uint64_t cursor, uint32_t limit,
                                  struct entry **out, size_t *count,
                                  uint64_t *next, uint64_t *version,
                                  struct error *err);

enum change_kind { CHANGE_ADDED, CHANGE_CHANGED, CHANGE_REMOVED };
struct change {
    uint64_t version;
    enum change_kind kind;
    char track_id[ID_SIZE];
};
/** Changes after version `since`, oldest first, at most `limit`
 *  (1..CHANGES_PAGE_MAX); free() them. A track that changed twice is there
 *  twice.
 *  STATUS_LIMIT "changes_gone": the log no longer reaches back so far (or
 *  `since` is of the future): list the whole library anew. */
MUST_USE enum status library_changes(struct redis *redis,
                                     const char *account_id, uint64_t since,
                                     uint32_t limit, struct change **out,
                                     size_t *count, struct error *err);

/** Into the trash / back, to its old place in the list. What lies in the trash
 *  does not count against the quota; its manifest stays until the trash is
 *  emptied.
 *  STATUS_NOT_FOUND "no_track" · restore: STATUS_CONFLICT "already_there" when
 *  the same recording or bytes were added again meanwhile; STATUS_LIMIT
 *  "quota". */
MUST_USE enum status library_remove(struct redis *redis, const char *account_id,
                                    const char *track_id, int64_t now_ms,
                                    struct error *err);
MUST_USE enum status library_restore(struct redis *redis,
                                     const char *account_id,
                                     const char *track_id, struct error *err);

/** Appends the sealed manifest of an uploaded track to `out`, whether or not
 *  it lies in the trash. STATUS_NOT_FOUND "no_track": it has none. */
MUST_USE enum status library_manifest(struct redis *redis,
                                      const char *account_id,
                                      const char *track_id, struct buffer *out,
                                      struct error *err);

#endif
