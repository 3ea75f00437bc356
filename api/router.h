/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ROUTER_H
#define REFRAIN_API_ROUTER_H

#include "api/reply.h"
#include "api/request.h"

/** The table of routes. Each states who may call it, what body it takes and
 *  where it runs; a route that does not is refused at start. */

enum role {
    ROLE_UNDECLARED = 0, /* the program does not start */
    ROLE_ANYONE,
    ROLE_SUBSCRIBER, /* a device's access token */
    ROLE_OPERATOR,   /* the operator token */
};
enum body {
    BODY_NONE = 0,
    BODY_TEXT, /* JSON or form in memory, at most 64 KiB */
    BODY_FILE, /* spooled to disk, at most `body_limit` of the config */
};
enum speed {
    SPEED_LOOP = 0, /* on the event loop: a Redis round trip at most */
    SPEED_SLOW,     /* on a worker thread: hashes passwords, syncs, decodes */
};

/** Answers a request. An error returned becomes problem+json. */
typedef enum status (*route_handler)(struct request *request,
                                     struct reply *reply, struct error *err);

struct route {
    const char *method; /* "GET" also answers HEAD */
    const char *path;   /* "/v1/tracks/{id}/audio" */
    enum role role;
    enum body body;
    enum speed speed;
    route_handler handle;
};

/** One table a file of api/routes/, each ended by a NULL method; the list
 *  (routes/tables.c) ends with NULL. */
extern const struct route *const route_tables[];

/** Checks every table at start. STATUS_INVALID "bad_route" names the culprit.
 */
MUST_USE enum status router_check(struct error *err);
/** Finds the route of a raw (undecoded) path without its query.
 *  STATUS_NOT_FOUND "no_route" · STATUS_INVALID "method_not_allowed" with
 *  *allow filled ("GET, HEAD, DELETE") · "bad_path": "..", NUL, backslash,
 *  an id that is none. */
MUST_USE enum status router_find(const char *method, const char *path,
                                 const struct route **out,
                                 char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE],
                                 char allow[64], struct error *err);

#endif
