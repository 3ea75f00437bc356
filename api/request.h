/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_REQUEST_H
#define REFRAIN_API_REQUEST_H

#include "api/form.h"
#include "api/service.h"
#include "catalog/library/devices.h"
#include "matcher/buffer.h"
#include "matcher/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;

enum { ROUTE_PARAMETERS_MAX = 2, REQUEST_ID_SIZE = 37 };

/** One HTTP request as a handler sees it: checked, routed, authenticated, its
 *  body complete. Lives until the reply is sent. */
struct request {
    const struct service *service;
    struct redis *redis; /* of the thread that runs the handler */
    const struct route *route;
    bool is_head;             /* HEAD: the headers of a GET, and no body */
    char id[REQUEST_ID_SIZE]; /* in log, errors and X-Request-Id */
    int64_t now_ms;           /* when this run of the handler began */
    /* Values of the {…} in the route's path: valid ids. */
    char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE];
    struct principal principal; /* ROLE_SUBSCRIBER only */
    struct form query;          /* request_query() reads it */

    struct buffer body; /* BODY_TEXT */
    int body_fd;        /* BODY_FILE: read/write at 0; closed and, unless taken
                           (body_path emptied), unlinked with the request */
    char body_path[CONFIG_TEXT_SIZE];
    uint64_t body_bytes;

    /* For handlers that wait (reply_wait): how often this one ran before, and
     * a text of its own that survives until the next run. */
    unsigned run;
    char note[ID_SIZE];

    struct MHD_Connection *connection; /* request.c's and life.c's */
};

/** Value of a query parameter, percent-decoded, or NULL. Borrowed. */
const char *request_query(const struct request *request, const char *name);
/** Value of a header (names without case), or NULL. Borrowed. */
const char *request_header(const struct request *request, const char *name);
/** A decimal query parameter in [min, max]; `otherwise` when absent.
 *  STATUS_INVALID "bad_parameter" names it and what is allowed. */
MUST_USE enum status request_number(const struct request *request,
                                    const char *name, uint64_t min,
                                    uint64_t max, uint64_t otherwise,
                                    uint64_t *out, struct error *err);
/** The body as a JSON object; json_decref() it.
 *  STATUS_INVALID "bad_json" with line and column. */
MUST_USE enum status request_json(const struct request *request, json_t **out,
                                  struct error *err);
/** A text member of a JSON object. STATUS_INVALID "bad_field" names it. */
MUST_USE enum status request_json_text(const json_t *object, const char *name,
                                       const char **out, struct error *err);
/** A field of an application/x-www-form-urlencoded body, decoded into `out`.
 *  false when absent or longer than size - 1. */
bool request_form(const struct request *request, const char *name, char *out,
                  size_t size);

#endif
