/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_STRICT_H
#define REFRAIN_API_STRICT_H

#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Is a request's head one that every proxy reads as we do? Where two readers
 *  differ about lengths or lines, one smuggles a request past the other.
 *  libmicrohttpd 0.9.75 by itself takes duplicate Content-Length, it together
 *  with Transfer-Encoding, "Content-Length :", bare LF and NUL (measured).
 *
 *  It parses in place: names and values point into the bytes as they came,
 *  with the blank, colon, CR and LF behind them overwritten by NUL. So a head
 *  of proper lines has an exact shape in memory (method, NUL, target, NUL,
 *  version, two NULs, each value followed by two NULs and then the next name),
 *  and a second blank, a bare LF, a NUL within a line or a folded line breaks
 *  it. Pure. */

enum { STRICT_FIELDS_MAX = 64, STRICT_HEAD_BYTES_MAX = 16 * 1024 };

/** One field, borrowed from the head. */
struct strict_field {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};
struct strict_head {
    const char *method;    /* "GET", where the request line begins */
    const char *target_at; /* where its second word stands, now taken apart */
    const char *target;    /* "/path?query": that word as it came */
    const char *version;   /* "HTTP/1.1", the last */
    size_t size;           /* bytes up to and with the empty line */
    struct strict_field fields[STRICT_FIELDS_MAX];
    size_t field_count;
};
/** How the body is framed. */
struct strict_body {
    bool announced; /* there is one that is not empty */
    bool chunked;
    uint64_t length; /* unless chunked */
    bool expects_continue;
};

/** Refusals: STATUS_INVALID "bad_request" · "unsupported_transfer" (not
 *  chunked) · "expectation" · STATUS_LIMIT "too_many_headers". The connection
 *  must be closed then: where the next request begins is not sure. */
MUST_USE enum status strict_check(const struct strict_head *head,
                                  struct strict_body *body, struct error *err);

#endif
