/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_TEXT_H
#define REFRAIN_API_CLI_TEXT_H

#include "matcher/buffer.h"
#include "matcher/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Values as people read them, and members of answers as text that is safe on
 *  a terminal. Pure. */

enum { TEXT_SHORT_SIZE = 32 };

/** 221000 ms: "3:41"; from an hour on "1:02:03". Rounded down. */
void text_time(char out[TEXT_SHORT_SIZE], int64_t ms);
/** 1536: "1.5 KiB"; under 1024 "17 B". */
void text_size(char out[TEXT_SHORT_SIZE], uint64_t bytes);

/** A text member of `object`; `otherwise` when it is absent, empty or no text.
 *  Borrowed from the object: as it came, so for comparing, not for printing. */
const char *text_member(const json_t *object, const char *name,
                        const char *otherwise);
/** An integer member; `otherwise` when absent or no integer. */
int64_t text_integer(const json_t *object, const char *name, int64_t otherwise);
/** Appends `text` with every control character (C0, DEL, C1) and malformed
 *  byte replaced: a title must not move the reader's cursor. */
MUST_USE enum status text_append(struct buffer *out, const char *text,
                                 struct error *err);

/** Appends `text` percent-encoded for a query (RFC 3986 §2.1). */
MUST_USE enum status text_append_encoded(struct buffer *out, const char *text,
                                         struct error *err);

#endif
