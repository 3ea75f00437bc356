/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ROUTES_TRACK_JSON_H
#define REFRAIN_API_ROUTES_TRACK_JSON_H

#include "catalog/library/uploads.h"

#include <jansson.h>

/** Entries, evidence and uploads as JSON, field by field as openapi.json says.
 *  What is unknown is null, never "" or 0. Pure. Each returns a new reference,
 *  or NULL when there is no memory. */

json_t *track_json(const struct entry *entry);
/** The recording meant, and how well it fits: of a match, of another edition
 *  and of one that is held; else null. */
json_t *match_json(const struct evidence *evidence);
/** The same of the best candidate that was no match; null when there was
 *  none. */
json_t *nearest_json(const struct evidence *evidence);
json_t *upload_json(const struct upload *upload);
/** A sentence for the person that says why a track is what it is. */
json_t *explanation_json(const struct entry *entry);
/** How far the catalog was searched: "first", "neighbours". */
json_t *attempt_json(enum attempt attempt);

/** A text, or null for "". */
json_t *text_json(const char *text);
/** A number, or null for 0. */
json_t *count_json(uint64_t count);
/** A time, or null for 0. */
json_t *time_json(int64_t at_ms);
/** "explicit", "clean" or null. */
json_t *advisory_json(enum advisory advisory);

/** Where the next page begins, as an opaque text; null for 0, the end. */
json_t *cursor_json(uint64_t next);

/** Appends `item`, taking it over. When there is no memory for it, the whole
 *  list goes and *list is NULL: a reply is complete or an error. */
void list_json_add(json_t **list, json_t *item);

/** The media type of a container: "audio/mpeg" …; "application/octet-stream"
 *  for CONTAINER_UNKNOWN. */
const char *container_media_type(enum container container);
/** Its usual file-name extension with the dot; "" for CONTAINER_UNKNOWN. */
const char *container_extension(enum container container);

#endif
