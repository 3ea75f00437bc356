/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_OUTCOME_H
#define REFRAIN_API_CLI_OUTCOME_H

#include "matcher/buffer.h"
#include "matcher/status.h"

#include <jansson.h>

/** What became of a track, told to a person. Pure. */

/** One line without its end: status, path, and why:
 *  "matched     a.mp3: Sectoid - Feelings (Songs), bit errors 0.4 %, …"
 *  upload  as the API answers: status, reason, match; for a file that could
 *          not be sent, status "not_sent" and detail
 *  path    as the person named it; made safe for a terminal here */
MUST_USE enum status outcome_line(struct buffer *out, const json_t *upload,
                                  const char *path, struct error *err);

/** "Artist - Title (Release)"; without what is "". */
MUST_USE enum status outcome_names(struct buffer *out, const char *artist,
                                   const char *title, const char *release,
                                   struct error *err);

/** The evidence of a match, for scan and why: "Artist - Title (Release), bit
 *  errors 0.4 %, aligned 3:41, sketch 1.2"; with why it is none and where they
 *  differ. Nothing for null. */
MUST_USE enum status outcome_evidence(struct buffer *out, const json_t *match,
                                      struct error *err);

/** A reason's stable word as words; unknown ones as they are. */
const char *outcome_reason(const char *reason);

#endif
