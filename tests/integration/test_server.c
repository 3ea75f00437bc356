/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: what a handler answers reaches the client byte for byte, in each of its
 * kinds; bodies reach handlers whole and within their bounds; who may not call
 * is told so before the body is read. */
#include "api/router.h"
#include "tests/support/server.h"

#include <assert.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the routes of this test ---- */

enum { FILE_BYTES = 700 * 1000, STREAM_FAILS_AT = 300 * 1000 };

/* What byte `offset` of files and streams here is. */
static char byte_at(uint64_t offset)
{
    return (char)(offset * 31 + offset / 251);
}

static enum status get_text(struct request *request, struct reply *reply,
                            struct error *err)
{
    (void)request;
    (void)err;
    reply_text(reply, 200, "text/plain", "hello", 5);
    reply_header(reply, "X-Test", "yes");
    return STATUS_OK;
}

static enum status get_item(struct request *request, struct reply *reply,
                            struct error *err)
{
    (void)err;
    reply_json(reply, 200,
               json_pack("{s:s, s:s, s:s?}", "id", request->parameters[0],
                         "account", request->principal.account_id, "q",
                         request_query(request, "q")));
    return STATUS_OK;
}

static enum status get_nothing(struct request *request, struct reply *reply,
                               struct error *err)
{
    (void)request;
    (void)err;
    reply_empty(reply, 204);
    return STATUS_OK;
}

static enum status get_unchanged(struct request *request, struct reply *reply,
                                 struct error *err)
{
    (void)request;
    (void)err;
    reply_empty(reply, 304);
    reply_header(reply, "ETag", "\"a\"");
    return STATUS_OK;
}

static enum status get_fault(struct request *request, struct reply *reply,
                             struct error *err)
{
    (void)request;
    reply_text(reply, 200, "text/plain", "half", 4); /* thrown away */
    return error_set(err, STATUS_CORRUPT, "chunk_corrupt",
                     "chunk /secret/path does not verify");
}

static enum status post_echo(struct request *request, struct reply *reply,
                             struct error *err)
{
    (void)err;
    reply_text(reply, 200, "application/octet-stream",
               buffer_text(&request->body), request->body.length);
    return STATUS_OK;
}

/* A file of FILE_BYTES, already without a name. */
static int make_file(void)
{
    char path[] = "/tmp/refrain-server.XXXXXX";
    int fd = mkstemp(path);
    assert(fd >= 0);
    assert(unlink(path) == 0);
    char *bytes = malloc(FILE_BYTES);
    assert(bytes != NULL);
    for (size_t i = 0; i < FILE_BYTES; i++) {
        bytes[i] = byte_at(i);
    }
    assert(write(fd, bytes, FILE_BYTES) == FILE_BYTES);
    free(bytes);
    return fd;
}

static enum status get_file(struct request *request, struct reply *reply,
                            struct error *err)
{
    uint64_t first = 0;
    uint64_t length = 0;
    enum status status =
        request_number(request, "first", 0, FILE_BYTES, 0, &first, err);
    if (status == STATUS_OK) {
        status = request_number(request, "length", 0, FILE_BYTES, FILE_BYTES,
                                &length, err);
    }
    if (status == STATUS_OK) {
        reply_file(reply, 206, "audio/flac", make_file(), first, length);
        reply_header(reply, "Cache-Control", "private");
    }
    return status;
}

/* Counts down when a stream's context is let go. */
static _Atomic int streams_open;

static int64_t read_stream(void *context, uint64_t offset, char *out,
                           size_t length)
{
    bool fails = *(bool *)context;
    for (size_t i = 0; i < length; i++) {
        if (fails && offset + i >= STREAM_FAILS_AT) {
            return i == 0 ? -1 : (int64_t)i;
        }
        out[i] = byte_at(offset + i);
    }
    return (int64_t)length;
}

static void release_stream(void *context)
{
    streams_open--;
    free(context);
}

static enum status get_stream(struct request *request, struct reply *reply,
                              struct error *err)
{
    (void)err;
    bool *fails = malloc(sizeof *fails);
    assert(fails != NULL);
    *fails = request_query(request, "fails") != NULL;
    streams_open++;
    reply_stream(reply, 200, "audio/flac", read_stream, release_stream, fails,
                 1000, FILE_BYTES - 1000);
    return STATUS_OK;
}

/* Size of the spooled body, and whether its bytes are byte_at(). */
static enum status post_file(struct request *request, struct reply *reply,
                             struct error *err)
{
    (void)err;
    char piece[4096];
    uint64_t size = 0;
    bool good = lseek(request->body_fd, 0, SEEK_SET) == 0;
    ssize_t got = 0;
    while ((got = read(request->body_fd, piece, sizeof piece)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            good = good && piece[i] == byte_at(size + (uint64_t)i);
        }
        size += (uint64_t)got;
    }
    struct stat facts;
    good = good && size == request->body_bytes &&
           stat(request->body_path, &facts) == 0 &&
           (facts.st_mode & 07777) == 0600;
    reply_json(reply, 200,
               json_pack("{s:I, s:b}", "size", (json_int_t)size, "good", good));
    return STATUS_OK;
}

static const struct route routes_test[] = {
    {"GET", "/text", ROLE_ANYONE, BODY_NONE, SPEED_LOOP, get_text},
    {"GET", "/slow-text", ROLE_ANYONE, BODY_NONE, SPEED_SLOW, get_text},
    {"GET", "/nothing", ROLE_ANYONE, BODY_NONE, SPEED_LOOP, get_nothing},
    {"GET", "/unchanged", ROLE_ANYONE, BODY_NONE, SPEED_LOOP, get_unchanged},
    {"GET", "/fault", ROLE_ANYONE, BODY_NONE, SPEED_LOOP, get_fault},
    {"GET", "/slow-fault", ROLE_ANYONE, BODY_NONE, SPEED_SLOW, get_fault},
    {"GET", "/file", ROLE_ANYONE, BODY_NONE, SPEED_LOOP, get_file},
    {"GET", "/stream", ROLE_ANYONE, BODY_NONE, SPEED_LOOP, get_stream},
    {"POST", "/echo", ROLE_ANYONE, BODY_TEXT, SPEED_LOOP, post_echo},
    {"POST", "/slow-echo", ROLE_ANYONE, BODY_TEXT, SPEED_SLOW, post_echo},
    {"GET", "/items/{id}", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP, get_item},
    {"POST", "/files", ROLE_SUBSCRIBER, BODY_FILE, SPEED_SLOW, post_file},
    {"GET", "/operator", ROLE_OPERATOR, BODY_NONE, SPEED_LOOP, get_text},
    {0},
};
const struct route *const route_tables[] = {routes_test, NULL};

/* ---- helpers ---- */

static struct test_server server;

static int start(void **state)
{
    (void)state;
    test_server_start(&server, 2);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_server_stop(&server);
    return 0;
}

static void header_is(const struct test_answer *answer, const char *name,
                      const char *value)
{
    char got[256];
    test_answer_header(answer, name, got);
    assert_string_equal(got, value);
}

static void is_problem(const struct test_answer *answer, unsigned status,
                       const char *code)
{
    char member[64];
    assert_int_equal(answer->status, status);
    header_is(answer, "Content-Type", "application/problem+json");
    (void)snprintf(member, sizeof member, "\"code\":\"%s\"", code);
    assert_non_null(strstr(answer->body, member));
}

static void ask(const char *line, const char *token, unsigned status)
{
    struct test_answer answer;
    test_request(&server, line, token, &answer);
    assert_int_equal(answer.status, status);
    test_answer_clear(&answer);
}

/* The loop lets go of a body just after its client could read the answer. */
static void await_empty_spool(void)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    while (test_server_spooled(&server) > 0) {
        (void)nanosleep(&pause, NULL); /* ctest's time-out bounds it */
    }
}

/* ---- replies ---- */

static void test_every_reply_has_its_headers(void **state)
{
    (void)state;
    static const char *const lines[] = {"GET /text", "GET /slow-text",
                                        "GET /none", "GET /fault"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct test_answer answer;
        char id[256];
        test_request(&server, lines[i], NULL, &answer);
        header_is(&answer, "X-Content-Type-Options", "nosniff");
        header_is(&answer, "Cache-Control", "no-store");
        header_is(&answer, "Server", "");
        test_answer_header(&answer, "X-Request-Id", id);
        assert_int_equal(strncmp(id, "req_", 4), 0);
        assert_int_equal(strlen(id), 36);
        test_answer_clear(&answer);
    }
}

static void test_text(void **state)
{
    (void)state;
    static const char *const lines[] = {"GET /text", "GET /slow-text"};
    for (size_t i = 0; i < 2; i++) {
        struct test_answer answer;
        test_request(&server, lines[i], NULL, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "hello");
        header_is(&answer, "X-Test", "yes");
        test_answer_clear(&answer);
    }
}

/* RFC 9110 §9.3.2: the same header fields, no content. */
static void test_head(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"HEAD /text", "5"},
        {"HEAD /slow-text", "5"},
        {"HEAD /file?first=10&length=20", "20"},
        {"HEAD /stream", "699000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct test_answer answer;
        char line[128];
        int fd = test_connect(&server);
        (void)snprintf(line, sizeof line, "%s HTTP/1.1\r\nHost: x\r\n\r\n",
                       cases[i][0]);
        test_send_text(fd, line);
        test_read(fd, false, &answer);
        header_is(&answer, "Content-Length", cases[i][1]);
        test_answer_clear(&answer);
        /* the next answer begins right behind */
        test_send_text(fd, "GET /text HTTP/1.1\r\nHost: x\r\n\r\n");
        test_read(fd, true, &answer);
        assert_string_equal(answer.body, "hello");
        test_answer_clear(&answer);
        assert_int_equal(close(fd), 0);
    }
    assert_int_equal(streams_open, 0);
}

/* RFC 9110 §8.6 and §15.3.5: no Content-Length in a 204; a 304 has no body. */
static void test_without_body(void **state)
{
    (void)state;
    struct test_answer answer;
    int fd = test_connect(&server);
    test_send_text(fd, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    test_read(fd, false, &answer);
    assert_int_equal(answer.status, 204);
    header_is(&answer, "Content-Length", "");
    test_answer_clear(&answer);
    test_send_text(fd, "GET /unchanged HTTP/1.1\r\nHost: x\r\n\r\n");
    test_read(fd, false, &answer);
    assert_int_equal(answer.status, 304);
    header_is(&answer, "ETag", "\"a\"");
    test_answer_clear(&answer);
    test_send_text(fd, "GET /text HTTP/1.1\r\nHost: x\r\n\r\n");
    test_read(fd, true, &answer);
    assert_string_equal(answer.body, "hello");
    test_answer_clear(&answer);
    assert_int_equal(close(fd), 0);
}

static void test_file(void **state)
{
    (void)state;
    static const struct {
        uint64_t first;
        size_t length;
    } parts[] = {{0, FILE_BYTES}, {0, 1}, {FILE_BYTES - 1, 1}, {12345, 400000}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct test_answer answer;
        char line[128];
        (void)snprintf(line, sizeof line, "GET /file?first=%llu&length=%zu",
                       (unsigned long long)parts[i].first, parts[i].length);
        test_request(&server, line, NULL, &answer);
        assert_int_equal(answer.status, 206);
        header_is(&answer, "Content-Type", "audio/flac");
        header_is(&answer, "Cache-Control", "private");
        assert_true(answer.is_whole);
        assert_int_equal(answer.body_length, parts[i].length);
        for (size_t b = 0; b < parts[i].length; b++) {
            assert_true(answer.body[b] == byte_at(parts[i].first + b));
        }
        test_answer_clear(&answer);
    }
}

static void test_stream(void **state)
{
    (void)state;
    struct test_answer answer;
    test_request(&server, "GET /stream", NULL, &answer);
    assert_true(answer.is_whole);
    assert_int_equal(answer.body_length, FILE_BYTES - 1000);
    for (size_t b = 0; b < answer.body_length; b++) {
        assert_true(answer.body[b] == byte_at(1000 + b));
    }
    test_answer_clear(&answer);
}

/* Never wrong bytes: the connection breaks off short of the promised length. */
static void test_stream_that_fails(void **state)
{
    (void)state;
    struct test_answer answer;
    test_request(&server, "GET /stream?fails=1", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_false(answer.is_whole);
    assert_true(answer.body_length <= STREAM_FAILS_AT - 1000);
    for (size_t b = 0; b < answer.body_length; b++) {
        assert_true(answer.body[b] == byte_at(1000 + b));
    }
    test_answer_clear(&answer);
    ask("GET /text", NULL, 200);
}

static void test_fault(void **state)
{
    (void)state;
    static const char *const lines[] = {"GET /fault", "GET /slow-fault"};
    for (size_t i = 0; i < 2; i++) {
        struct test_answer answer;
        test_request(&server, lines[i], NULL, &answer);
        is_problem(&answer, 502, "chunk_corrupt");
        assert_null(strstr(answer.body, "/secret"));
        test_answer_clear(&answer);
    }
}

/* Refusals that leave the framing sure keep the connection. */
static void test_pipelined(void **state)
{
    (void)state;
    static const unsigned wanted[] = {200, 404, 405, 401, 200};
    int fd = test_connect(&server);
    test_send_text(fd, "GET /text HTTP/1.1\r\nHost: x\r\n\r\n"
                       "GET /none HTTP/1.1\r\nHost: x\r\n\r\n"
                       "PUT /text HTTP/1.1\r\nHost: x\r\n\r\n"
                       "GET /items/a HTTP/1.1\r\nHost: x\r\n\r\n"
                       "GET /slow-text HTTP/1.1\r\nHost: x\r\n\r\n");
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct test_answer answer;
        test_read(fd, true, &answer);
        assert_int_equal(answer.status, wanted[i]);
        test_answer_clear(&answer);
    }
    assert_int_equal(close(fd), 0);
}

/* ---- who may call ---- */

static void test_roles(void **state)
{
    (void)state;
    struct test_answer answer;
    test_request(&server, "GET /items/it_1?q=a%20b", server.token, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"id\":\"it_1\""));
    assert_non_null(strstr(answer.body, "\"q\":\"a b\""));
    assert_non_null(strstr(answer.body, server.library.account));
    test_answer_clear(&answer);
    ask("GET /operator", TEST_OPERATOR_TOKEN, 200);

    ask("GET /items/it_1", NULL, 401);
    ask("GET /items/it_1", "rf_none.0000", 401);
    ask("GET /items/it_1", TEST_OPERATOR_TOKEN, 401);
    ask("GET /operator", server.token, 401);
    ask("GET /operator", NULL, 401);
    ask("GET /text", "rf_none.0000", 200); /* anyone is anyone */
}

/* RFC 6750 §3. */
static void test_challenge(void **state)
{
    (void)state;
    struct test_answer answer;
    test_request(&server, "GET /items/a", NULL, &answer);
    is_problem(&answer, 401, "invalid_token");
    header_is(&answer, "WWW-Authenticate", "Bearer realm=\"refrain\"");
    test_answer_clear(&answer);
    test_request(&server, "GET /items/a", "rf_none.0000", &answer);
    header_is(&answer, "WWW-Authenticate",
              "Bearer realm=\"refrain\", error=\"invalid_token\"");
    test_answer_clear(&answer);
}

/* ---- bodies ---- */

static void test_echo(void **state)
{
    (void)state;
    static const char *const paths[] = {"/echo", "/slow-echo"};
    for (size_t i = 0; i < 2; i++) {
        struct test_answer answer;
        char head[128];
        char body[60000];
        memset(body, 'a' + (int)i, sizeof body);
        int fd = test_connect(&server);
        (void)snprintf(
            head, sizeof head,
            "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
            paths[i], sizeof body);
        test_send_text(fd, head);
        test_send(fd, body, sizeof body);
        test_read(fd, true, &answer);
        assert_int_equal(answer.body_length, sizeof body);
        assert_memory_equal(answer.body, body, sizeof body);
        test_answer_clear(&answer);
        /* in chunks, with a trailer; RFC 9112 §7.1 */
        (void)snprintf(head, sizeof head,
                       "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                       "chunked\r\n\r\n",
                       paths[i]);
        test_send_text(fd, head);
        test_send_text(fd, "5\r\nhello\r\nA;x=y\r\n, you all!\r\n0\r\n"
                           "Trailer: t\r\n\r\n");
        test_read(fd, true, &answer);
        assert_string_equal(answer.body, "hello, you all!");
        test_answer_clear(&answer);
        assert_int_equal(close(fd), 0);
    }
}

/* Told by its length the body is not read at all; in chunks it is dropped. */
static void test_text_bound(void **state)
{
    (void)state;
    struct test_answer answer;
    int fd = test_connect(&server);
    test_send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: "
                       "65537\r\n\r\n");
    test_read(fd, true, &answer);
    is_problem(&answer, 413, "too_large");
    header_is(&answer, "Connection", "close");
    test_answer_clear(&answer);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_true(test_closed(fd));
    assert_int_equal(close(fd), 0);

    static char piece[65537];
    memset(piece, 'a', sizeof piece);
    fd = test_connect(&server);
    test_send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                       "chunked\r\n\r\n10001\r\n");
    test_send(fd, piece, sizeof piece);
    test_send_text(fd, "\r\n0\r\n\r\n");
    test_read(fd, true, &answer);
    is_problem(&answer, 413, "too_large");
    test_answer_clear(&answer);
    assert_int_equal(close(fd), 0);
}

static void test_no_body_wanted(void **state)
{
    (void)state;
    struct test_answer answer;
    int fd = test_connect(&server);
    test_send_text(fd, "GET /text HTTP/1.1\r\nHost: x\r\nContent-Length: "
                       "3\r\n\r\nabc");
    test_read(fd, true, &answer);
    is_problem(&answer, 400, "unexpected_body");
    test_answer_clear(&answer);
    assert_true(test_closed(fd));
    assert_int_equal(close(fd), 0);
}

static void send_file_head(int fd, const char *token, size_t length,
                           const char *more)
{
    char head[512];
    (void)snprintf(head, sizeof head,
                   "POST /files HTTP/1.1\r\nHost: x\r\nContent-Length: "
                   "%zu\r\n%s%s%s%s\r\n",
                   length, token == NULL ? "" : "Authorization: Bearer ",
                   token == NULL ? "" : token, token == NULL ? "" : "\r\n",
                   more);
    test_send_text(fd, head);
}

/* RFC 9110 §10.1.1: the body comes once 100 was said. */
static void test_file_body(void **state)
{
    (void)state;
    enum { BYTES = 3 * 1024 * 1024 + 17 };
    struct test_answer answer;
    char *body = malloc(BYTES);
    assert_non_null(body);
    for (size_t i = 0; i < BYTES; i++) {
        body[i] = byte_at(i);
    }
    int fd = test_connect(&server);
    send_file_head(fd, server.token, BYTES, "Expect: 100-continue\r\n");
    test_read(fd, false, &answer);
    assert_int_equal(answer.status, 100);
    test_answer_clear(&answer);
    test_send(fd, body, BYTES);
    test_read(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "{\"size\":3145745,\"good\":true}");
    test_answer_clear(&answer);
    assert_int_equal(close(fd), 0);
    free(body);
    await_empty_spool();
}

static void test_file_refused_before_it_comes(void **state)
{
    (void)state;
    struct test_answer answer;
    int fd = test_connect(&server);
    send_file_head(fd, NULL, 1000000, "Expect: 100-continue\r\n");
    test_read(fd, true, &answer);
    is_problem(&answer, 401, "invalid_token");
    test_answer_clear(&answer);
    assert_int_equal(close(fd), 0);
    fd = test_connect(&server);
    send_file_head(fd, server.token, 8 * 1024 * 1024 + 1, "");
    test_read(fd, true, &answer);
    is_problem(&answer, 413, "too_large");
    test_answer_clear(&answer);
    assert_int_equal(close(fd), 0);
    assert_int_equal(test_server_spooled(&server), 0);
}

/* A client that sends on regardless still gets to read the answer: closing
 * with unread bytes would reset the connection (RFC 9112 §9.6). */
static void test_answer_survives_an_unread_body(void **state)
{
    (void)state;
    enum { BYTES = 4 * 1024 * 1024 };
    struct test_answer answer;
    char *body = calloc(1, BYTES);
    assert_non_null(body);
    int fd = test_connect(&server);
    send_file_head(fd, NULL, BYTES, "");
    test_send(fd, body, BYTES);
    test_read(fd, true, &answer);
    is_problem(&answer, 401, "invalid_token");
    test_answer_clear(&answer);
    assert_int_equal(close(fd), 0);
    free(body);
}

static void test_client_gone_in_the_middle(void **state)
{
    (void)state;
    int fd = test_connect(&server);
    send_file_head(fd, server.token, 1000000, "");
    test_send_text(fd, "some of it");
    assert_int_equal(close(fd), 0);
    ask("GET /text", NULL, 200);
    await_empty_spool();
}

static void test_spool_gone(void **state)
{
    (void)state;
    struct test_answer answer;
    test_folder_remove(server.spool_folder);
    int fd = test_connect(&server);
    send_file_head(fd, server.token, 10, "");
    test_read(fd, true, &answer);
    is_problem(&answer, 503, "spool_write");
    assert_null(strstr(answer.body, server.spool_folder));
    test_answer_clear(&answer);
    assert_int_equal(close(fd), 0);
    assert_int_equal(mkdir(server.spool_folder, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reply_has_its_headers),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_without_body),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_that_fails),
        cmocka_unit_test(test_fault),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_challenge),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_text_bound),
        cmocka_unit_test(test_no_body_wanted),
        cmocka_unit_test(test_file_body),
        cmocka_unit_test(test_file_refused_before_it_comes),
        cmocka_unit_test(test_answer_survives_an_unread_body),
        cmocka_unit_test(test_client_gone_in_the_middle),
        cmocka_unit_test(test_spool_gone),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
