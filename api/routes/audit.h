/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ROUTES_AUDIT_H
#define REFRAIN_API_ROUTES_AUDIT_H

#include "api/router.h"

/** The record that every operator call leaves: a Redis stream, key_audit(), of
 *  about AUDIT_LENGTH calls. An entry holds when, which request, which route,
 *  what it was about (an id) and how it ended; never a password, a token or an
 *  e-mail address. */
enum { AUDIT_LENGTH = 100000 };

/** What the call turned out to be about; starts empty. */
struct audit {
    char target[ID_SIZE]; /* account, release or recording id, or "" */
};
typedef enum status (*audit_handler)(struct request *request,
                                     struct reply *reply, struct audit *audit,
                                     struct error *err);

/** Runs the handler of an operator's route and records it, refused or not. When
 *  the record cannot be written, the answer is that error, whatever the handler
 *  did: the calls of these routes may be repeated. */
MUST_USE enum status audit_call(struct request *request, struct reply *reply,
                                audit_handler handler, struct error *err);

/** The latest entries, newest first, as a JSON list; a new reference.
 *  limit  1..1000 */
MUST_USE enum status audit_list(struct redis *redis, uint32_t limit,
                                json_t **out, struct error *err);

#endif
