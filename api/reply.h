/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_REPLY_H
#define REFRAIN_API_REPLY_H

#include "matcher/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a handler answers. It fills a reply; server.c sends it. A handler that
 *  returns an error instead gets it turned into application/problem+json by
 *  the one table in reply.c (status and code -> HTTP status). */

enum { REPLY_HEADERS_MAX = 12 };

/** Produces bytes of a body: up to `length` at `offset` into `out`; the number
 *  of bytes, or -1 to break the connection off (never wrong bytes). Called
 *  from an event loop, one call at a time. */
typedef int64_t (*reply_read)(void *context, uint64_t offset, char *out,
                              size_t length);
typedef void (*reply_release)(void *context);

enum reply_kind {
    REPLY_NONE,
    REPLY_BYTES,
    REPLY_FILE,
    REPLY_STREAM,
    REPLY_WAIT
};
struct reply {
    enum reply_kind kind;
    unsigned http_status;
    char content_type[64];
    struct {
        const char *name; /* literal */
        char value[256];
    } headers[REPLY_HEADERS_MAX];
    size_t header_count;
    char *bytes; /* BYTES: owned */
    size_t byte_count;
    int fd;                  /* FILE: owned */
    uint64_t offset, length; /* FILE and STREAM: the part to send */
    reply_read read;         /* STREAM */
    reply_release release; /* STREAM: called once, also when nothing is sent */
    void *context;
    int64_t wait_until_ms; /* WAIT */
};

/** 200/201/202 … with JSON; takes `body` over (also on failure: 500). */
void reply_json(struct reply *reply, unsigned http_status, json_t *body);
/** A literal text or bytes, copied. */
void reply_text(struct reply *reply, unsigned http_status,
                const char *content_type, const char *text, size_t length);
/** No body: 204, 304 … */
void reply_empty(struct reply *reply, unsigned http_status);
/** `length` bytes of `fd` from `offset`, by sendfile; takes fd over. */
void reply_file(struct reply *reply, unsigned http_status,
                const char *content_type, int fd, uint64_t offset,
                uint64_t length);
/** `length` bytes from `offset` of what `read` gives; takes context over. */
void reply_stream(struct reply *reply, unsigned http_status,
                  const char *content_type, reply_read read,
                  reply_release release, void *context, uint64_t offset,
                  uint64_t length);
/** Run the handler again when something of this account changed, at the latest
 *  at until_ms (then request->now_ms >= until_ms). The connection is suspended
 *  meanwhile and costs no CPU. */
void reply_wait(struct reply *reply, int64_t until_ms);
/** name   a literal
 *  value  shorter than 256 bytes, no control character (asserted): cut and
 *         encode foreign text first. Cache-Control is no-store unless set. */
void reply_header(struct reply *reply, const char *name, const char *value);
/** The problem+json for an error, with extra members from `more` (borrowed,
 *  may be NULL). What is wrong inside (any 5xx) is told in general words only:
 *  such sentences name addresses and folders, which belong into the log. */
void reply_problem(struct reply *reply, enum status status,
                   const struct error *err, const char *request_id,
                   const json_t *more);
/** Frees what was not sent. */
void reply_clear(struct reply *reply);

struct MHD_Connection;
/** Hands the reply to libmicrohttpd, with the headers that every reply has;
 *  `reply` is empty afterwards. From the connection's event loop only.
 *  close  ends the connection behind the reply
 *  false: it could not be queued; the connection is to be closed. */
MUST_USE bool reply_send(struct reply *reply, struct MHD_Connection *connection,
                         const char *request_id, bool close);

#endif
