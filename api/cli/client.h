/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_CLIENT_H
#define REFRAIN_API_CLI_CLIENT_H

#include "api/cli/client_facts.h"
#include "matcher/status.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** libcurl's one home: one service, spoken to over kept connections. A handle
 *  belongs to one thread.
 *
 *  Redirects are not followed, so that a token never goes to another host;
 *  TLS certificates are always checked. There is no limit on the whole of a
 *  transfer, which may be long and slow, but on every silence in it. */
struct client;

enum {
    CLIENT_URL_SIZE = 512,
    CLIENT_CONNECT_TIMEOUT_S = 10,
    /* No byte in either direction while there is something to send. */
    CLIENT_STALL_TIMEOUT_S = 60,
    /* Between the last byte sent and the first of the answer, where a request
     * does not say otherwise: many times what a healthy service needs. */
    CLIENT_ANSWER_TIMEOUT_S = 60,
    /* The longest answer in memory: a page of 500 tracks is under 1 MiB. */
    CLIENT_ANSWER_MAX_BYTES = 16 * 1024 * 1024,
};

/** Prepares libcurl for threads. Once, before the first client_open(). */
MUST_USE enum status client_prepare(struct error *err);
/** url   "http://HOST:PORT" or "https://…", a path before /v1 is fine
 *  stop  when it becomes true, running requests end with STATUS_UNAVAILABLE
 *        "interrupted"; borrowed until client_close(); may be NULL
 *  STATUS_INVALID "bad_url". */
MUST_USE enum status client_open(struct client **out, const char *url,
                                 const atomic_bool *stop, struct error *err);
/** NULL is fine. */
void client_close(struct client *client);
/** The bearer token of all further requests, copied; NULL: none.
 *  STATUS_INVALID "bad_token": it cannot stand in a header. */
MUST_USE enum status client_set_token(struct client *client, const char *token,
                                      struct error *err);

enum { CLIENT_READ_FAILED = -1 };
/** A body that is made while it is sent.
 *  read  fills up to `length` bytes and returns how many; 0 at the end;
 *        CLIENT_READ_FAILED ends the request with STATUS_INVALID
 *        "body_failed", to be explained by the caller */
struct client_body {
    const char *content_type;
    uint64_t size_bytes; /* exactly as many must come */
    int64_t (*read)(void *context, char *out, size_t length);
    void *context;
};

/** At most one of json, form and body is set. Everything is borrowed. */
struct client_request {
    const char *method; /* "GET" */
    const char *path;   /* "/v1/library?limit=500", already encoded */
    const json_t *json;
    const char *form; /* application/x-www-form-urlencoded */
    const struct client_body *body;
    const char *idempotency_key; /* or NULL */
    unsigned answer_timeout_s;   /* 0: CLIENT_ANSWER_TIMEOUT_S */
};

/** Sends a request and reads its JSON answer.
 *  out  the caller's json_decref(), or NULL when nothing came (204). May be
 *       NULL when the answer does not matter.
 *  STATUS_UNAVAILABLE  nobody answers, the connection broke, or the service
 *                      is busy or ill: the same again may work later
 *  else  as refusal_read() says. */
MUST_USE enum status client_send(struct client *client,
                                 const struct client_request *request,
                                 json_t **out, struct error *err);

/** A download, from byte `first_byte` on.
 *  etag   what the bytes before first_byte came with (If-Range); "" when
 *         first_byte is 0
 *  begin  once, before the first byte. facts->first_byte is 0 when the whole
 *         is sent after all, because it changed meanwhile. false ends it
 *  write  takes bytes in order; false ends it */
struct client_download {
    const char *path;
    uint64_t first_byte;
    const char *etag;
    bool (*begin)(void *context, const struct client_facts *facts);
    bool (*write)(void *context, const void *bytes, size_t length);
    void *context;
};
/** STATUS_INVALID "sink_failed": begin or write said false; the caller knows
 *  why. STATUS_UNAVAILABLE: try again from where it broke off. Else as
 *  client_send(). */
MUST_USE enum status client_receive(struct client *client,
                                    const struct client_download *download,
                                    struct error *err);

/** After STATUS_UNAVAILABLE: seconds that the service asked to wait
 *  (Retry-After), or 0. */
unsigned client_retry_after_s(const struct client *client);

#endif
