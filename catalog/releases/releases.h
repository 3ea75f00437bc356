/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_RELEASES_H
#define REFRAIN_CATALOG_RELEASES_RELEASES_H

#include "catalog/id.h"
#include "catalog/redis/redis.h"
#include "matcher/audio.h"
#include "matcher/fingerprint.h"

#include <stdint.h>

/** What the catalog knows: recordings (a sound, with its master file) and
 *  releases (what a label delivers: an ordered list of recordings). */

enum {
    MASTER_NAME_SIZE = 80,
    RELEASE_TRACKS_MAX = 4000, /* four full folders of one barcode */
    RELEASE_LIST_MAX = 500,
};

struct recording {
    char id[ID_SIZE]; /* "rec_" + first 32 hex digits of the master's SHA-256 */
    /* Dense, never used again: what the index stores. 0: taken down
     * (takedown.h). */
    uint32_t number;
    char title[TAG_SIZE];
    char artist[TAG_SIZE];
    char isrc[16];
    enum advisory advisory;
    uint32_t duration_ms;
    char release_id[ID_SIZE];     /* the first release that brought it */
    char release_title[TAG_SIZE]; /* and its title */
    char master_sha256[65];
    char master_name[MASTER_NAME_SIZE]; /* under DIR/masters: "ab/abcd….flac" */
    enum container container;
    uint64_t size_bytes;
};

struct release_track {
    uint32_t disc;
    uint32_t track;
    char recording_id[ID_SIZE];
};
struct release {
    char id[ID_SIZE];
    char title[TAG_SIZE];
    char artist[TAG_SIZE];
    char barcode[24];
    char date[32];
    char cover_name[MASTER_NAME_SIZE]; /* under DIR/masters, "" none */
    int64_t loaded_ms;
    struct release_track *tracks; /* owned: release_clear() */
    size_t track_count;
};
void release_clear(struct release *release);

/** STATUS_NOT_FOUND "no_recording": there is none, or not yet whole.
 *  STATUS_CORRUPT "recording_record": its fields are not ours. */
MUST_USE enum status recording_read(struct redis *redis,
                                    const char *recording_id,
                                    struct recording *out, struct error *err);
MUST_USE enum status recording_by_number(struct redis *redis, uint32_t number,
                                         struct recording *out,
                                         struct error *err);
/** Fingerprint as loaded. STATUS_NOT_FOUND when taken down. */
MUST_USE enum status recording_print(struct redis *redis, uint32_t number,
                                     struct fingerprint *out,
                                     struct error *err);
/** STATUS_NOT_FOUND "no_release" · STATUS_CORRUPT "release_record". */
MUST_USE enum status release_read(struct redis *redis, const char *release_id,
                                  struct release *out, struct error *err);
/** Releases in the order of loading, without their tracks (track_count is
 *  set, tracks is NULL), from `cursor` (0 first), at most `limit` (1 to
 *  RELEASE_LIST_MAX); free() the array. *next is 0 at the end. */
MUST_USE enum status release_list(struct redis *redis, uint64_t cursor,
                                  uint32_t limit, struct release **out,
                                  size_t *count, uint64_t *next,
                                  struct error *err);

#endif
