/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ENTRY_BUILD_H
#define REFRAIN_API_ENTRY_BUILD_H

#include "api/judge.h"
#include "catalog/library/uploads.h"
#include "catalog/releases/releases.h"

/** From what the matcher found to what the library keeps. Pure. */

/** What decides over an entry; all borrowed.
 *  evidence  from entry_build_evidence()
 *  matched   the recording, when the verdict is VERDICT_MATCHED; else NULL, and
 *            also when the subscriber has denied it */
struct entry_parts {
    const struct upload *upload;
    const struct audio_facts *facts;
    const struct evidence *evidence;
    const struct recording *matched;
    const char *content_id;
    const char *track_id;
    int64_t now_ms;
};

/** Title, artist, album and numbers are the subscriber's own tags, the
 *  catalog's where these say nothing, the file name's at last. What describes
 *  the sound that will be streamed (duration, ISRC, advisory, container, size)
 *  is the master's for a matched track. Texts out of the file are made safe
 *  once more: they come from the process that we do not trust. */
void entry_build(struct entry *out, const struct entry_parts *parts);

/** The verdict with the names that the catalog has now. */
void entry_build_evidence(struct evidence *out, const struct judged *judged);

/** The stable word for a verdict: "matched", "no_candidate",
 *  "other_edition", "held". */
const char *entry_build_reason(enum verdict_kind kind);

/** What a file name says, for tags that are still empty: "Artist - Title.mp3",
 *  "07 - Artist - Title.mp3", "07 - Title.mp3", "Title.mp3". */
void entry_build_name(struct tags *tags, const char *filename);

#endif
