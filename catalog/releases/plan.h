/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_PLAN_H
#define REFRAIN_CATALOG_RELEASES_PLAN_H

#include "catalog/releases/releases.h"

#include <stdbool.h>

/** From the tags and names of a folder's files to one release: which it is,
 *  what it is called, and which place each file has on it. Pure: the same
 *  files give the same release, in whatever order they were decoded. */

/** One usable audio file. */
struct plan_file {
    const char *name;         /* inside the folder; borrowed */
    const char *recording_id; /* borrowed */
    const struct tags *tags;  /* as the file has them; borrowed */
    /* what plan_release() finds */
    char title[TAG_SIZE];
    char artist[TAG_SIZE];
    uint32_t disc;  /* at least 1 */
    uint32_t track; /* at least 1; no two files have the same place */
};

/** files  in order of their names, at least 1
 *  Where tags are missing, names of files and folder stand in; where files
 *  disagree on the release, the majority says (and of equals, the first).
 *  The id is made of the barcode, or, without one, of album artist, album and
 *  folder name. out->tracks: the files' places in order; loaded_ms and
 *  cover_name are the caller's to set.
 *  STATUS_NO_MEMORY. */
MUST_USE enum status plan_release(struct release *out, struct plan_file *files,
                                  size_t count, const char *folder_name,
                                  struct error *err);

/** Takes over from the release as it was loaded before: its discs that the
 *  folder brings nothing of (folders of one barcode, a disc each), its time
 *  of loading, its cover and facts where the folder has none.
 *  STATUS_LIMIT "too_many_tracks": over RELEASE_TRACKS_MAX. */
MUST_USE enum status plan_merge(struct release *release,
                                const struct release *before,
                                struct error *err);

/** Would storing `release` over `before` change anything? */
bool plan_is_same(const struct release *release, const struct release *before);

#endif
