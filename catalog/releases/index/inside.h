/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_INDEX_INSIDE_H
#define REFRAIN_CATALOG_RELEASES_INDEX_INSIDE_H

#include "catalog/releases/index.h"
#include "catalog/releases/index/delta.h"
#include "catalog/releases/index/segment.h"

#include <pthread.h>
#include <stdatomic.h>

/** The inside of struct index, for the files of this folder. */

enum { INDEX_ADDRESS_SIZE = 512 };

/** A segment as this process knows it: version 0 has nothing in Redis. */
struct index_segment {
    uint32_t version;
    struct segment_map map;
    uint8_t *bytes; /* owned; the whole segment, when mirrored */
};

/** Replaced segments that wait for their end, oldest first: of one merge. */
struct index_old {
    uint32_t versions[SEGMENT_COUNT]; /* by segment; 0: none */
    uint64_t due_ms[SEGMENT_COUNT];
    uint64_t trim_mark; /* the log may end here */
    uint64_t trim_due_ms;
};

struct index {
    char address[INDEX_ADDRESS_SIZE];
    bool mirrored;
    bool merges;
    uint32_t grace_ms;

    pthread_rwlock_t lock; /* over what follows, up to the next comment */
    struct index_segment segments[SEGMENT_COUNT];
    struct delta delta;
    uint64_t mark;       /* of the log: this far it was read */
    uint64_t checked_ms; /* when the versions were last looked at; 0: never */

    pthread_mutex_t loading; /* one thread at a time loads segments */
    pthread_mutex_t merging; /* and one merges; over `old` too */
    struct index_old old;

    pthread_t keeper;
    pthread_mutex_t stop_lock;
    pthread_cond_t stop_changed;
    atomic_bool stop;
};

/** Milliseconds of a clock that also runs while the machine sleeps. */
uint64_t index_now_ms(void);

/* ---- log.c ---- */

/** One look at the log, in two halves around other commands of a pipeline.
 *  *more: there is more in the log than one look brings. */
MUST_USE enum status index_log_send(struct index *index, struct redis *redis,
                                    struct error *err);
MUST_USE enum status index_log_receive(struct index *index, struct redis *redis,
                                       bool *more, struct error *err);
/** Reads the log to its end, and the versions before when they are due. */
MUST_USE enum status index_catch_up(struct index *index, struct redis *redis,
                                    struct error *err);

/* ---- table.c ---- */

/** Looks which versions are the newest and loads those that are not here.
 *  always  false: only when the last look is older than half the grace. A
 *          process that slept through merges knows neither what they dropped
 *          from the log nor their segments.
 *  STATUS_CORRUPT "index_segment": one is missing or damaged. */
MUST_USE enum status index_refresh(struct index *index, struct redis *redis,
                                   bool always, struct error *err);

/* ---- merge.c ---- */

/** Whether enough has come to be worth merging. */
bool index_merge_due(struct index *index);
/** Ends replaced segments whose time has come, and the log before them. The
 *  caller holds `merging`. */
MUST_USE enum status index_clean(struct index *index, struct redis *redis,
                                 struct error *err);

#endif
