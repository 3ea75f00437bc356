/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_REFUSAL_H
#define REFRAIN_CATALOG_REDIS_REFUSAL_H

#include "matcher/status.h"

/** What an error reply of Redis means for us (pure): the state of the server
 *  or of its data, which a caller has to live with. */
struct redis_refusal {
    const char *prefix; /* how the error reply starts */
    enum status status;
    const char *code;
    const char *advice; /* what to do */
};

/** The entry for an error reply, or NULL: then our command was wrong. */
const struct redis_refusal *redis_refusal_find(const char *reply);

#endif
