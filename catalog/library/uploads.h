/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_UPLOADS_H
#define REFRAIN_CATALOG_LIBRARY_UPLOADS_H

#include "catalog/library/library.h"

/** Uploads on their way into a library, and the queue of work.
 *
 *  Order that keeps an acknowledged upload safe: spool file synced → record
 *  (upload_create) → job (jobs_add) → answer. A crash in between leaves a spool
 *  file without an answer; at the next start the sweep of the spool gives
 *  every waiting record its job again, so a job may run twice and
 *  upload_finish decides once. */

enum upload_status {
    UPLOAD_WAITING,
    UPLOAD_MATCHED,
    UPLOAD_UPLOADED,
    UPLOAD_DUPLICATE,
    UPLOAD_INELIGIBLE, /* not audio, too short, too long, no space left … */
    UPLOAD_ERROR,      /* our fault: may be sent again */
};

struct upload {
    char id[ID_SIZE];
    char account_id[ID_SIZE];
    enum upload_status status;
    char reason[REASON_SIZE];
    char track_id[ID_SIZE]; /* "" until there is one */
    char filename[FILENAME_SIZE];
    uint64_t size_bytes;
    int64_t created_ms;
    char for_track[ID_SIZE]; /* whose own audio it is to be, or "" (fix.h) */
    struct evidence evidence;
};

/** Notes a new waiting upload.
 *  idempotency_key  the client's, or NULL. When an upload with it is known
 *                   (kept 7 days), *out is that one and *known is true:
 *                   nothing was made. One that ended in UPLOAD_ERROR does not
 *                   count: sending again is what that asks for. A known one
 *                   that still waits may lack its job (a crash in between):
 *                   add it, twice does no harm.
 *  wanted           id, account_id, filename, size_bytes, created_ms,
 *                   for_track
 *  STATUS_CONFLICT "idempotency_mismatch": the key came with another size ·
 *  STATUS_UNAVAILABLE "busy": failing over and over at the same moment. */
MUST_USE enum status upload_create(struct redis *redis,
                                   const struct upload *wanted,
                                   const char *idempotency_key,
                                   struct upload *out, bool *known,
                                   struct error *err);
/** STATUS_NOT_FOUND "no_upload". Finished records are kept 30 days. */
MUST_USE enum status upload_read(struct redis *redis, const char *account_id,
                                 const char *upload_id, struct upload *out,
                                 struct error *err);
/** The track that already holds these bytes, or "" in out_track_id: matched
 *  or uploaded, and not in the trash. */
MUST_USE enum status upload_find_content(struct redis *redis,
                                         const char *account_id,
                                         const char *content_id,
                                         char out_track_id[ID_SIZE],
                                         struct error *err);

/** What became of an upload.
 *  status    any but UPLOAD_WAITING; MATCHED and UPLOADED need entry
 *  entry     borrowed; its id names the new track
 *  manifest  UPLOADED: sealed manifest; print: packed fingerprint, for later
 *            rescans (may be empty)
 *  arrivals  UPLOADED: how many recordings had arrived when the catalog was
 *            asked (unmatched.h)
 *  kept_until_ms  UPLOADED: how long the manifest's objects are sure to be
 *            there, by Redis' clock (upkeep/pins.h); 0: for ever
 *  is_own    UPLOADED: entry->id is a track that wants its own audio (fix.h):
 *            of entry, what belongs to its sound is written, and content_id */
struct upload_outcome {
    enum upload_status status;
    const char *reason;
    const char *track_id; /* DUPLICATE: the track that is there already */
    const struct entry *entry;
    const struct evidence *evidence; /* may be NULL */
    const struct buffer *manifest;
    const struct buffer *print;
    uint64_t arrivals;
    int64_t kept_until_ms;
    bool is_own;
};
/** Commits an outcome: entry, counters, change log and upload record in one
 *  script. When the upload is no longer waiting, nothing changes and *out is
 *  the earlier outcome. When the library has the same recording (matched) or
 *  the same bytes (either) already, *out is a DUPLICATE "duplicate" of that
 *  track; when `uploaded` would pass the quota, it is INELIGIBLE "quota".
 *  *out is the record as it now stands.
 *  STATUS_NOT_FOUND "no_upload", "no_account" · STATUS_CONFLICT "denied" the
 *  recording was denied meanwhile, "not_wanted" the track has its own audio
 *  meanwhile, or wants it no more, "stale" it is too late for the manifest:
 *  nothing was written; look again, store again. */
MUST_USE enum status upload_finish(struct redis *redis, const char *account_id,
                                   const char *upload_id,
                                   const struct upload_outcome *outcome,
                                   struct upload *out, struct error *err);

/** The queue: a Redis Stream with one consumer group.
 *  consumer  names this worker of this instance; borrowed. */
enum job_kind {
    JOB_UPLOAD, /* a new song */
    JOB_RESCAN, /* a track is asked again (unmatched.h) */
};
struct job {
    char entry_id[32]; /* of the stream */
    enum job_kind kind;
    char account_id[ID_SIZE];
    char item_id[ID_SIZE]; /* the upload, or the track */
    uint64_t asked;        /* JOB_RESCAN: arrivals that it has met before */
};
/** Makes the group where missing. Call once at start. */
MUST_USE enum status jobs_prepare(struct redis *redis, struct error *err);
/** What a worker of this name took before and did not finish goes to the end of
 *  the queue again: call before it takes anything. */
MUST_USE enum status jobs_take_back(struct redis *redis, const char *consumer,
                                    struct error *err);
/** STATUS_LIMIT "queue_full". */
MUST_USE enum status jobs_add(struct redis *redis, const char *account_id,
                              const char *upload_id, struct error *err);
MUST_USE enum status jobs_add_rescan(struct redis *redis,
                                     const char *account_id,
                                     const char *track_id, uint64_t asked,
                                     struct error *err);
/** Jobs that wait or are in hand. */
MUST_USE enum status jobs_count(struct redis *redis, uint64_t *out,
                                struct error *err);
/** Waits up to wait_ms (0: not at all) for a job of any account; *found says
 *  whether there is one. Jobs that a worker took idle_ms ago and did not
 *  finish are handed out again, first. */
MUST_USE enum status jobs_take(struct redis *redis, const char *consumer,
                               uint32_t wait_ms, uint32_t idle_ms,
                               struct job *out, bool *found, struct error *err);
/** Takes a job out of the queue; one that is not there any more is fine. */
MUST_USE enum status jobs_done(struct redis *redis, const struct job *job,
                               struct error *err);

#endif
