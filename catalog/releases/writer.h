/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_WRITER_H
#define REFRAIN_CATALOG_RELEASES_WRITER_H

#include "catalog/releases/releases.h"
#include "matcher/terms.h"

#include <stdbool.h>

/** How recordings and releases come into Redis: for the loader.
 *
 *  Cluster keys cannot change together, so the order of writes keeps readers
 *  right: number claimed → print → number → recording hash → index →
 *  arrivals → mark "indexed". A reader reaches a recording through the index or
 * by its id and finds it whole or not at all; a crash anywhere leaves a
 * recording that is not marked, and storing it again ends the work under the
 * same number. */

/** What a master's file says of itself, kept beside the recording, so that the
 *  same file need not be decoded to be known again.
 *  *known: the recording is whole and in the index. */
MUST_USE enum status recording_known(struct redis *redis,
                                     const char *recording_id,
                                     struct recording *out, struct tags *tags,
                                     bool *known, struct error *err);

/** recording  all but its number, which is set here
 *  tags       as the file has them
 *  print      packed (fingerprint_pack); terms: of terms_for_index() */
MUST_USE enum status
recording_store(struct redis *redis, struct recording *recording,
                const struct tags *tags, const struct buffer *print,
                const struct terms *terms, struct error *err);

/** Writes or replaces a release, its tracks with it in one command, then
 *  enters it into the list of releases. Its recordings are stored before.
 *  Two loads of one release at a time: the later one's list stands. */
MUST_USE enum status release_store(struct redis *redis,
                                   const struct release *release,
                                   struct error *err);

#endif
