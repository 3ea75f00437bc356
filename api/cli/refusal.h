/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_REFUSAL_H
#define REFRAIN_API_CLI_REFUSAL_H

#include "matcher/status.h"

#include <jansson.h>

/** A refused request as one sentence for the person (pure): from
 *  application/problem+json (RFC 9457), from an OAuth error (RFC 6749 §5.2),
 *  or, when something else than Refrain answered, from the status alone.
 *  http_status  400 or more, or one that was not expected
 *  body         what came, or NULL when it was no JSON object; borrowed
 *  Fills `err` (code "http_NNN" when the answer has none) and returns what a
 *  caller branches on; the request id is in the sentence for faults of the
 *  service, so that its operator can find them. */
enum status refusal_read(long http_status, const json_t *body,
                         struct error *err);

#endif
