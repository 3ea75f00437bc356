/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_S3_STUB_H
#define REFRAIN_TESTS_SUPPORT_S3_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A server on a free loopback port that gives answers out of a list, however
 *  bad, and keeps what it was asked: for what a real S3 server does on its bad
 *  days. One connection at a time. All functions fail the test when something
 *  does not go as it should. */

enum { S3_STUB_KEPT = 32, S3_STUB_REQUEST_SIZE = 32768 };

struct s3_stub_answer {
    const char *status;  /* "503 Busy"; NULL: closes without a word */
    const char *headers; /* each with its CR LF; NULL: none */
    const void *body;
    size_t body_length; /* as announced */
    size_t cut_bytes;   /* at its end: they never come */
    unsigned delay_ms;  /* before the answer */
    bool ranged;        /* the part that the request's Range names: 206 */
    bool closed;        /* the connection, after the answer */
};

struct s3_stub;
/** answers  borrowed; the last one is given again and again */
struct s3_stub *s3_stub_open(const struct s3_stub_answer *answers,
                             size_t count);
void s3_stub_close(struct s3_stub *stub);

/** http://127.0.0.1:PORT */
const char *s3_stub_url(const struct s3_stub *stub);
unsigned s3_stub_requests(struct s3_stub *stub);
unsigned s3_stub_connections(struct s3_stub *stub);
/** Head and body of the first S3_STUB_KEPT requests, as they came, cut to
 *  S3_STUB_REQUEST_SIZE - 1; borrowed until close. */
const char *s3_stub_request(struct s3_stub *stub, unsigned index);

#endif
