/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_AUTH_H
#define REFRAIN_API_AUTH_H

#include "api/router.h"
#include "matcher/status.h"

#include <stdbool.h>

/** The token of an Authorization value (RFC 6750 §2.1), borrowed from it; NULL
 *  unless it is "Bearer" and one b64token of less than TOKEN_SIZE bytes. */
const char *auth_bearer(const char *header);

/** Is `token` the one whose SHA-256 is `sha256` (64 hex digits)? In a time
 *  that tells nothing of where they differ. */
bool auth_operator(const char *token, const char *sha256);

/** May `request` (routed, its Redis set) call `route`? For ROLE_SUBSCRIBER
 *  request->principal is filled.
 *  STATUS_DENIED "invalid_token"; then *presented says whether there was a
 *  token at all · STATUS_UNAVAILABLE. */
MUST_USE enum status auth_check(struct request *request,
                                const struct route *route, bool *presented,
                                struct error *err);

#endif
