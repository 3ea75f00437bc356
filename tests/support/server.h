/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_SERVER_H
#define REFRAIN_TESTS_SUPPORT_SERVER_H

#include "api/server.h"
#include "catalog/library/devices.h"
#include "tests/support/library.h"

#include <stdbool.h>
#include <stddef.h>

/** The real server of api/server.h over a private Redis, with the routes of the
 *  test that links it (its route_tables), and a client that speaks raw HTTP.
 *  Whatever goes wrong here asserts. */
struct test_server {
    struct test_library library;
    struct service service;
    struct server *server;
    char spool_folder[64];
    char token[TOKEN_SIZE]; /* of a device of library.account */
};

#define TEST_OPERATOR_TOKEN "abc" /* its SHA-256: FIPS 180-4, example B.1 */

/** workers: threads for slow requests. */
void test_server_start(struct test_server *server, unsigned workers);
/** Ends it; fine when test_server_end() did so before. */
void test_server_stop(struct test_server *server);
/** server_close() alone: Redis stays. */
void test_server_end(struct test_server *server);
/** Files in the spool folder. */
size_t test_server_spooled(const struct test_server *server);
/** Announces a change of the account. */
void test_server_change(struct test_server *server);

/** One answer. */
struct test_answer {
    unsigned status; /* 0: the connection ended instead */
    char head[4096]; /* header lines, each with CRLF */
    char *body;      /* owned, NUL behind the end */
    size_t body_length;
    bool is_whole; /* the body has the length that was promised */
};
void test_answer_clear(struct test_answer *answer);
/** Value of a header, copied into `out`; "" when absent. */
void test_answer_header(const struct test_answer *answer, const char *name,
                        char out[256]);

/** A connection to the server: a blocking socket that gives up after 30 s. */
int test_connect(const struct test_server *server);
void test_send(int fd, const char *bytes, size_t length);
void test_send_text(int fd, const char *text);
/** Reads one answer, not a byte more. has_body: false after HEAD. */
void test_read(int fd, bool has_body, struct test_answer *out);
/** Has the peer closed, with nothing more to read? Waits for it. */
bool test_closed(int fd);
/** "METHOD PATH" with Host and, unless NULL, a bearer token; one answer on a
 *  connection of its own. */
void test_request(const struct test_server *server, const char *line,
                  const char *token, struct test_answer *out);

#endif
