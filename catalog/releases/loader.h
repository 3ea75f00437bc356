/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_LOADER_H
#define REFRAIN_CATALOG_RELEASES_LOADER_H

#include "catalog/releases/releases.h"
#include "matcher/decoder/pool.h"

#include <stdbool.h>

/** Brings a folder of tagged files into the catalog as one release: decodes
 *  and fingerprints on all places of the decoder pool, copies masters,
 *  writes recordings, index and release, in this order, so that a reader
 *  never meets half a release. The same folder again changes nothing. */

struct loader {
    const char
        *redis_address; /* each thread of a load has its own connection */
    const char *masters_folder; /* DIR/masters */
    struct decoder_pool *decoders;
    unsigned thread_count; /* at least 1; more than 64 count as 64 */
};

enum { LOADER_MAX_FILES = 1000, LOAD_NAME_SIZE = 256 };
enum load_file_status {
    LOAD_ADDED,     /* a new recording */
    LOAD_UNCHANGED, /* was there already, and on this release */
    LOAD_LINKED,    /* the recording was there, new on this release */
    LOAD_COVER,     /* taken as the release's cover */
    LOAD_SKIPPED,   /* no audio by its contents, and not named like any */
    LOAD_FAILED,    /* meant as audio or cover, but of no use: see reason */
};
struct load_file {
    char name[LOAD_NAME_SIZE]; /* inside the folder, made valid UTF-8 */
    enum load_file_status status;
    /* LOAD_FAILED: stable word: those of decoder_open(); "cannot_read",
     * "too_large", "not_image" */
    char reason[32];
    char detail[256]; /* LOAD_FAILED: sentence */
    char recording_id[ID_SIZE];
    uint32_t duration_ms;
};
enum load_status {
    LOAD_RELEASE_ADDED,
    LOAD_RELEASE_CHANGED,
    LOAD_RELEASE_UNCHANGED,
    LOAD_RELEASE_EMPTY
};
struct load_report {
    enum load_status status;
    char release_id[ID_SIZE]; /* "" when EMPTY */
    char title[TAG_SIZE];
    char artist[TAG_SIZE];
    struct load_file *files; /* owned: load_report_clear(); by name */
    size_t file_count;
};
void load_report_clear(struct load_report *report);

/** One load of a release at a time: of two, the later one's list stands.
 *  folder      flat folder on disk with the files (no sub-folders are read,
 *              no symbolic links followed)
 *  shown_name  the folder's name at the operator's, for missing tags
 *  dry_run     reports what a load would do; changes nothing
 *  A file that is no audio is reported by name and stops nothing.
 *  STATUS_UNAVAILABLE: Redis or disk ("masters_full", "masters_write"), or no
 *  decoder can be started; loading again finishes the work, and readers see
 *  the release as it was before.
 *  STATUS_INVALID "bad_folder": it cannot be read · STATUS_LIMIT
 *  "too_many_files", "too_many_tracks" · STATUS_CONFLICT "file_changed". On any
 *  of these *out is empty. */
MUST_USE enum status loader_load(struct load_report *out,
                                 const struct loader *loader,
                                 const char *folder, const char *shown_name,
                                 bool dry_run, int64_t now_ms,
                                 struct error *err);

#endif
