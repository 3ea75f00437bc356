/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: what the S3 store sends is what it should and no more, and on a bad
 * day of its server it tries again where that helps, ends in time, says what
 * to do, and never takes a part for the whole. */
#include "tests/support/s3_stub.h"
#include "tests/support/store.h"

#include "catalog/id.h"
#include "catalog/vault/store_s3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define ERROR_XML(code)                                                        \
    "<?xml version='1.0'?><Error><Code>" code "</Code><Message>" SECRET        \
    "</Message></Error>"
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define OK_ANSWER                                                              \
    {                                                                          \
        .status = "200 OK"                                                     \
    }
#define WITH_BODY(what, text)                                                  \
    {                                                                          \
        .status = (what), .body = (text), .body_length = sizeof(text) - 1      \
    }

enum {
    LENGTH = 1000,
    LARGEST = 16 + 64 * 16400,
    BREAKER_CALLS = 5,
    MIB = 1024 * 1024
};

struct fixture {
    struct s3_stub *stub;
    struct store_s3_config config;
    struct store *store;
    uint8_t name[SHA256_BYTES];
    uint8_t *bytes; /* LARGEST of them */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->bytes = test_object(fixture->name, LARGEST, 1);
    crypto_sha256(fixture->name, fixture->bytes, LENGTH);
    fixture->config = (struct store_s3_config){.region = "eu-west-1",
                                               .bucket = "songs",
                                               .prefix = "vault",
                                               .access_key = "AKIAEXAMPLE",
                                               .secret_key = SECRET,
                                               .tries_max = 3,
                                               .timeout_ms = 20000};
    *state = fixture;
    return 0;
}

static void stop(struct fixture *fixture)
{
    if (fixture->stub != NULL) {
        fixture->store->methods->close(fixture->store);
        s3_stub_close(fixture->stub);
    }
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    stop(fixture);
    free(fixture->bytes);
    free(fixture);
    return 0;
}

/* A store on a server that answers so. */
static void start(struct fixture *fixture, const struct s3_stub_answer *answers,
                  size_t count)
{
    struct error err = {0};
    stop(fixture);
    fixture->stub = s3_stub_open(answers, count);
    fixture->config.endpoint = s3_stub_url(fixture->stub);
    test_expect_ok(store_s3_open(&fixture->store, &fixture->config, &err),
                   &err);
}

static enum status put(struct fixture *fixture, struct error *err)
{
    return fixture->store->methods->put(fixture->store, fixture->name,
                                        fixture->bytes, LENGTH, err);
}

static enum status has(struct fixture *fixture, bool *out, struct error *err)
{
    return fixture->store->methods->has(fixture->store, fixture->name, out,
                                        err);
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- what is sent ------------------------------------------------------------
 */

/* HEAD after it announces the right length. */
static const struct s3_stub_answer GOOD_PUT[] = {
    OK_ANSWER, {.status = "200 OK", .body_length = LENGTH}};

static void expect_line(const char *request, const char *start)
{
    char line[256];
    (void)snprintf(line, sizeof line, "\r\n%s", start);
    if (strstr(request, line) == NULL) {
        print_error("no '%s' in:\n%s\n", start, request);
        fail();
    }
}

/* Every header of a request; what is not here may say too much. */
static void expect_headers_of(const char *request, const char *const *allowed)
{
    const char *at = strstr(request, "\r\n") + 2;
    for (; strncmp(at, "\r\n", 2) != 0; at = strstr(at, "\r\n") + 2) {
        bool known = false;
        for (size_t i = 0; allowed[i] != NULL; i++) {
            known |= strncasecmp(at, allowed[i], strlen(allowed[i])) == 0;
        }
        if (!known) {
            print_error("%.80s\n", at);
            fail();
        }
    }
}

static void a_put_says_name_and_hash_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    static const char *const allowed[] = {
        "Host:",         "Authorization:",       "X-Amz-Date:",
        "User-Agent:",   "Accept: */*",          "x-amz-content-sha256:",
        "Content-Type:", "Content-Length: 1000", NULL};
    struct error err = {0};
    char hex[2 * SHA256_BYTES + 1];
    char line[256];
    start(fixture, GOOD_PUT, COUNT(GOOD_PUT));
    test_expect_ok(put(fixture, &err), &err);
    assert_int_equal(s3_stub_requests(fixture->stub), 2);
    const char *request = s3_stub_request(fixture->stub, 0);
    hex_encode(hex, fixture->name, SHA256_BYTES);
    (void)snprintf(line, sizeof line, "PUT /songs/vault/%.2s/%s HTTP/1.1\r\n",
                   hex, hex);
    assert_memory_equal(request, line, strlen(line));
    (void)snprintf(line, sizeof line, "x-amz-content-sha256: %s\r\n", hex);
    expect_line(request, line);
    expect_line(request, "Content-Type: application/octet-stream\r\n");
    expect_line(request,
                "Authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/");
    assert_non_null(strstr(request, "/eu-west-1/s3/aws4_request, "
                                    "SignedHeaders=content-type;host;"
                                    "x-amz-content-sha256;x-amz-date, "));
    expect_headers_of(request, allowed);
    assert_memory_equal(strstr(request, "\r\n\r\n") + 4, fixture->bytes,
                        LENGTH);
    assert_memory_equal(s3_stub_request(fixture->stub, 1), "HEAD ", 5);
    assert_null(strstr(request, SECRET));
}

/* Theirs have up to some 2000 characters. */
static void a_session_token_is_sent_and_signed(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    char token[2001];
    char line[2100];
    memset(token, 't', sizeof token - 1);
    memcpy(token, "FwoGZXIvYXdzE/+=", 16);
    token[sizeof token - 1] = '\0';
    fixture->config.session_token = token;
    start(fixture, GOOD_PUT, COUNT(GOOD_PUT));
    test_expect_ok(put(fixture, &err), &err);
    for (unsigned i = 0; i < 2; i++) {
        const char *request = s3_stub_request(fixture->stub, i);
        (void)snprintf(line, sizeof line, "\r\nx-amz-security-token: %s\r\n",
                       token);
        assert_non_null(strstr(request, line));
        assert_non_null(strstr(request, "x-amz-date;x-amz-security-token, "));
    }
}

static void connections_are_kept(void **state)
{
    struct fixture *fixture = *state;
    const struct s3_stub_answer answers[] = {
        {.ranged = true, .body = fixture->bytes, .body_length = LENGTH}};
    struct error err = {0};
    start(fixture, answers, COUNT(answers));
    for (int i = 0; i < 20; i++) {
        bool there = false;
        test_expect_ok(has(fixture, &there, &err), &err);
        assert_true(there);
    }
    assert_int_equal(s3_stub_requests(fixture->stub), 20);
    assert_int_equal(s3_stub_connections(fixture->stub), 1);
}

static void a_closed_connection_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    const struct s3_stub_answer answers[] = {{.ranged = true,
                                              .body = fixture->bytes,
                                              .body_length = LENGTH,
                                              .closed = true}};
    struct error err = {0};
    start(fixture, answers, COUNT(answers));
    for (int i = 0; i < 5; i++) {
        bool there = false;
        test_expect_ok(has(fixture, &there, &err), &err);
    }
    assert_int_equal(s3_stub_requests(fixture->stub), 5);
}

/* --- trying again ------------------------------------------------------------
 */

static void a_busy_store_is_asked_again(void **state)
{
    struct fixture *fixture = *state;
    static const struct s3_stub_answer answers[] = {
        {.status = "503 Busy"},
        WITH_BODY("500 Oh", ERROR_XML("InternalError")),
        OK_ANSWER,
        {.status = NULL}, /* hangs up on HEAD */
        {.status = "429 Slow"},
        {.status = "200 OK", .body_length = LENGTH}};
    struct error err = {0};
    start(fixture, answers, COUNT(answers));
    test_expect_ok(put(fixture, &err), &err);
    assert_int_equal(s3_stub_requests(fixture->stub), 6);
    /* signed anew, the body sent again */
    const char *body = strstr(s3_stub_request(fixture->stub, 2), "\r\n\r\n");
    assert_memory_equal(body + 4, fixture->bytes, LENGTH);
}

static void there_are_five_tries(void **state)
{
    struct fixture *fixture = *state;
    static const struct s3_stub_answer answers[] = {{.status = "503 Busy"}};
    struct error err = {0};
    fixture->config.tries_max = 0;
    start(fixture, answers, COUNT(answers));
    test_expect_error(put(fixture, &err), STATUS_UNAVAILABLE, &err,
                      "store_busy");
    assert_int_equal(s3_stub_requests(fixture->stub), STORE_S3_TRIES);
    assert_non_null(strstr(err.text, "PUT, try 5"));
}

static void a_silent_store_ends_at_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    static const struct s3_stub_answer answers[] = {
        {.status = "200 OK", .delay_ms = 60000}};
    struct error err = {0};
    fixture->config.timeout_ms = 700;
    start(fixture, answers, COUNT(answers));
    int64_t began_ms = now_ms();
    test_expect_error(put(fixture, &err), STATUS_UNAVAILABLE, &err,
                      "store_unreachable");
    assert_in_range(now_ms() - began_ms, 690, 5000);
}

static void nobody_there_is_unreachable(void **state)
{
    struct fixture *fixture = *state;
    static const struct s3_stub_answer answers[] = {OK_ANSWER};
    struct error err = {0};
    struct store *store = NULL;
    fixture->config.tries_max = 1;
    start(fixture, answers, COUNT(answers));
    test_expect_ok(store_s3_open(&store, &fixture->config, &err), &err);
    stop(fixture); /* nobody listens at the port any more */
    fixture->stub = NULL;
    test_expect_error(store->methods->probe(store, &err), STATUS_UNAVAILABLE,
                      &err, "store_unreachable");
    store->methods->close(store);
}

static void what_the_store_asks_for_is_waited(void **state)
{
    struct fixture *fixture = *state;
    static const struct s3_stub_answer soon[] = {
        {.status = "503 Busy", .headers = "Retry-After: 1\r\n"},
        OK_ANSWER,
        {.status = "200 OK", .body_length = LENGTH}};
    static const struct s3_stub_answer late[] = {
        {.status = "503 Busy", .headers = "Retry-After: 3600\r\n"}};
    struct error err = {0};
    start(fixture, soon, COUNT(soon));
    int64_t began_ms = now_ms();
    test_expect_ok(put(fixture, &err), &err);
    assert_true(now_ms() - began_ms >= 1000);
    start(fixture, late, COUNT(late));
    began_ms = now_ms();
    test_expect_error(put(fixture, &err), STATUS_UNAVAILABLE, &err,
                      "store_busy");
    assert_int_equal(s3_stub_requests(fixture->stub), 1);
    assert_true(now_ms() - began_ms < 10000);
}

static void a_store_that_is_down_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    static const struct s3_stub_answer answers[] = {{.status = "503 Busy"}};
    struct error err = {0};
    fixture->config.tries_max = 1;
    start(fixture, answers, COUNT(answers));
    for (int i = 0; i < BREAKER_CALLS + 20; i++) {
        bool there = false;
        test_expect_error(has(fixture, &there, &err), STATUS_UNAVAILABLE, &err,
                          "store_busy");
    }
    assert_int_equal(s3_stub_requests(fixture->stub), BREAKER_CALLS);
    assert_non_null(strstr(err.text, "not asked just now"));
}

/* --- refusals ----------------------------------------------------------------
 */

static void refusals_say_what_to_do(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        struct s3_stub_answer answer;
        const char *code;
        const char *hint;
    } cases[] = {
        {WITH_BODY("403 No", ERROR_XML("SignatureDoesNotMatch")),
         "store_denied", "secret key"},
        {WITH_BODY("403 No", ERROR_XML("InvalidAccessKeyId")), "store_denied",
         "access key"},
        {WITH_BODY("400 No", ERROR_XML("ExpiredToken")), "store_denied",
         "session token"},
        {WITH_BODY("403 No", ERROR_XML("AccessDenied")), "store_denied",
         "rights"},
        {WITH_BODY("403 No", ERROR_XML("RequestTimeTooSkewed")), "store_clock",
         "NTP"},
        {WITH_BODY("404 No", ERROR_XML("NoSuchBucket")), "store_bucket",
         "create it"},
        {WITH_BODY("400 No", ERROR_XML("AuthorizationHeaderMalformed")),
         "store_region", "region"},
        {WITH_BODY("507 No", ERROR_XML("Full")), "vault_full", "space"},
        {WITH_BODY("404 No", "<html>nothing here</html>"), "store_refused",
         "endpoint"},
        {WITH_BODY("400 No", ERROR_XML("a b") "trailing"), "store_refused",
         "HTTP 400"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error err = {0};
        start(fixture, &cases[i].answer, 1);
        test_expect_error(put(fixture, &err), STATUS_UNAVAILABLE, &err,
                          cases[i].code);
        assert_non_null(strstr(err.text, cases[i].hint));
        assert_null(strstr(err.text, SECRET));
        assert_int_equal(s3_stub_requests(fixture->stub), 1);
    }
}

static void redirects_are_not_followed(void **state)
{
    struct fixture *fixture = *state;
    char headers[128];
    struct s3_stub_answer other[] = {OK_ANSWER};
    struct s3_stub *elsewhere = s3_stub_open(other, 1);
    (void)snprintf(headers, sizeof headers, "Location: %s/songs\r\n",
                   s3_stub_url(elsewhere));
    struct s3_stub_answer answers[] = {
        {.status = "307 There", .headers = headers}};
    struct error err = {0};
    start(fixture, answers, 1);
    test_expect_error(put(fixture, &err), STATUS_UNAVAILABLE, &err,
                      "store_region");
    assert_int_equal(s3_stub_requests(fixture->stub), 1);
    assert_int_equal(s3_stub_connections(elsewhere), 0);
    s3_stub_close(elsewhere);
}

static void an_object_kept_in_part_is_no_success(void **state)
{
    struct fixture *fixture = *state;
    static const struct s3_stub_answer answers[] = {
        OK_ANSWER, {.status = "200 OK", .body_length = LENGTH - 1}};
    struct error err = {0};
    start(fixture, answers, COUNT(answers));
    test_expect_error(put(fixture, &err), STATUS_UNAVAILABLE, &err,
                      "vault_write");
}

/* --- reading -----------------------------------------------------------------
 */

static enum status open_object(struct fixture *fixture,
                               struct store_object **out, struct error *err)
{
    *out = NULL;
    return fixture->store->methods->open(fixture->store, fixture->name, out,
                                         err);
}

static void a_cut_answer_is_asked_for_again(void **state)
{
    struct fixture *fixture = *state;
    const struct s3_stub_answer answers[] = {
        {.ranged = true,
         .body = fixture->bytes,
         .body_length = LENGTH,
         .cut_bytes = 1},
        {.ranged = true, .body = fixture->bytes, .body_length = LENGTH}};
    struct error err = {0};
    struct store_object *object = NULL;
    uint8_t back[LENGTH];
    struct iovec piece = {.iov_base = back, .iov_len = LENGTH};
    start(fixture, answers, COUNT(answers));
    test_expect_ok(open_object(fixture, &object, &err), &err);
    test_expect_ok(object->methods->read(object, 0, &piece, 1, &err), &err);
    assert_memory_equal(back, fixture->bytes, LENGTH);
    assert_int_equal(s3_stub_requests(fixture->stub), 2);
    object->methods->object_close(object);
}

static void answers_that_stay_cut_are_no_answers(void **state)
{
    struct fixture *fixture = *state;
    const struct s3_stub_answer answers[] = {{.ranged = true,
                                              .body = fixture->bytes,
                                              .body_length = LENGTH,
                                              .cut_bytes = 1}};
    struct error err = {0};
    struct store_object *object = NULL;
    start(fixture, answers, COUNT(answers));
    test_expect_error(open_object(fixture, &object, &err), STATUS_UNAVAILABLE,
                      &err, "store_unreachable");
    assert_null(object);
    assert_int_equal(s3_stub_requests(fixture->stub), 3);
}

static void other_ranges_than_asked_for_are_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct s3_stub_answer answers[] = {
        {.status = "200 OK", .body = fixture->bytes, .body_length = LENGTH},
        {.status = "206 P", .body = fixture->bytes, .body_length = LENGTH},
        {.status = "206 P",
         .headers = "Content-Range: bytes 1-1000/1001\r\n",
         .body = fixture->bytes,
         .body_length = LENGTH},
        {.status = "206 P",
         .headers = "Content-Range: bytes 0-999/5000\r\n",
         .body = fixture->bytes,
         .body_length = LENGTH}, /* shorter than it could be */
        {.status = "206 P",
         .headers = "Content-Range: bytes 0-1000/1001\r\n",
         .body = fixture->bytes,
         .body_length = LENGTH},
        {.status = "206 P",
         .headers = "Content-Range: bytes 0-1048575/2000000\r\n",
         .body = fixture->bytes,
         .body_length = MIB}, /* more than asked for */
    };
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct error err = {0};
        struct store_object *object = NULL;
        start(fixture, answers + i, 1);
        test_expect_error(open_object(fixture, &object, &err),
                          STATUS_UNAVAILABLE, &err, "store_refused");
        assert_null(object);
    }
}

static void an_emptied_object_is_corrupt(void **state)
{
    struct fixture *fixture = *state;
    static const struct s3_stub_answer answers[] = {
        WITH_BODY("416 No", ERROR_XML("InvalidRange"))};
    struct error err = {0};
    struct store_object *object = NULL;
    bool there = false;
    start(fixture, answers, COUNT(answers));
    test_expect_error(open_object(fixture, &object, &err), STATUS_CORRUPT, &err,
                      "chunk_corrupt");
    test_expect_ok(has(fixture, &there, &err), &err);
    assert_true(there);
}

static void an_object_that_changes_its_length_is_corrupt(void **state)
{
    struct fixture *fixture = *state;
    const struct s3_stub_answer answers[] = {
        {.ranged = true, .body = fixture->bytes, .body_length = LARGEST},
        {.ranged = true, .body = fixture->bytes, .body_length = LARGEST - 1}};
    struct error err = {0};
    struct store_object *object = NULL;
    uint8_t back[16];
    struct iovec piece = {.iov_base = back, .iov_len = sizeof back};
    start(fixture, answers, COUNT(answers));
    test_expect_ok(open_object(fixture, &object, &err), &err);
    test_expect_error(
        object->methods->read(object, LARGEST - 300, &piece, 1, &err),
        STATUS_CORRUPT, &err, "chunk_corrupt");
    object->methods->object_close(object);
}

/* Segment by segment, as a player's ranges make it: a few requests, and every
 * byte is fetched once. */
static void reading_on_takes_few_requests(void **state)
{
    struct fixture *fixture = *state;
    const struct s3_stub_answer answers[] = {
        {.ranged = true, .body = fixture->bytes, .body_length = LARGEST}};
    struct error err = {0};
    struct store_object *object = NULL;
    uint8_t back[16400];
    struct iovec piece = {.iov_base = back, .iov_len = sizeof back};
    start(fixture, answers, COUNT(answers));
    test_expect_ok(open_object(fixture, &object, &err), &err);
    for (size_t at = 16; at < LARGEST; at += sizeof back) {
        test_expect_ok(object->methods->read(object, at, &piece, 1, &err),
                       &err);
        assert_memory_equal(back, fixture->bytes + at, sizeof back);
    }
    assert_int_equal(s3_stub_requests(fixture->stub), 4);
    expect_line(s3_stub_request(fixture->stub, 1), "Range: bytes=278528-");
    object->methods->object_close(object);
}

static void a_whole_object_is_one_request_more(void **state)
{
    struct fixture *fixture = *state;
    const struct s3_stub_answer answers[] = {
        {.ranged = true, .body = fixture->bytes, .body_length = LARGEST}};
    struct error err = {0};
    struct store_object *object = NULL;
    uint8_t *back = malloc(LARGEST);
    struct iovec piece = {.iov_base = back, .iov_len = LARGEST};
    assert_non_null(back);
    start(fixture, answers, COUNT(answers));
    test_expect_ok(open_object(fixture, &object, &err), &err);
    test_expect_ok(object->methods->read(object, 0, &piece, 1, &err), &err);
    assert_memory_equal(back, fixture->bytes, LARGEST);
    assert_int_equal(s3_stub_requests(fixture->stub), 2);
    object->methods->object_close(object);
    free(back);
}

/* --- listing -----------------------------------------------------------------
 */

static enum status see(void *context, const struct store_entry *entry,
                       struct error *err)
{
    (void)entry;
    (void)err;
    (*(unsigned *)context)++;
    return STATUS_OK;
}

static enum status list(struct fixture *fixture, unsigned *seen,
                        struct error *err)
{
    *seen = 0;
    return fixture->store->methods->list(fixture->store, NULL, see, seen, err);
}

#define PAGE(truncated)                                                        \
    "<ListBucketResult><IsTruncated>" truncated "</IsTruncated><Contents>"     \
    "<Key>vault/11/110000000000000000000000000000000000000000000000000000000"  \
    "0000000</Key><Size>33</Size></Contents></ListBucketResult>"

static void a_listing_that_does_not_get_on_ends(void **state)
{
    struct fixture *fixture = *state;
    static const struct s3_stub_answer answers[] = {
        WITH_BODY("200 OK", PAGE("true"))};
    struct error err = {0};
    unsigned seen = 0;
    start(fixture, answers, COUNT(answers));
    test_expect_error(list(fixture, &seen, &err), STATUS_UNAVAILABLE, &err,
                      "store_listing");
    assert_int_equal(seen, 1);
    assert_int_equal(s3_stub_requests(fixture->stub), 2);
    assert_non_null(strstr(s3_stub_request(fixture->stub, 1),
                           "GET /songs?list-type=2&max-keys=1000&prefix=vault"
                           "%2F&start-after=vault%2F11%2F1100"));
}

static void an_endless_answer_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    const size_t length = (size_t)5 * 1024 * 1024;
    char *body = calloc(1, length);
    const struct s3_stub_answer answers[] = {
        {.status = "200 OK", .body = body, .body_length = length}};
    const struct s3_stub_answer errors[] = {
        {.status = "400 No", .body = body, .body_length = length}};
    struct error err = {0};
    unsigned seen = 0;
    assert_non_null(body);
    start(fixture, answers, COUNT(answers));
    test_expect_error(list(fixture, &seen, &err), STATUS_UNAVAILABLE, &err,
                      "store_refused");
    start(fixture, errors, COUNT(errors));
    test_expect_error(list(fixture, &seen, &err), STATUS_UNAVAILABLE, &err,
                      "store_refused");
    stop(fixture);
    fixture->stub = NULL;
    free(body);
}

static void a_missing_bucket_is_not_an_empty_one(void **state)
{
    struct fixture *fixture = *state;
    static const struct s3_stub_answer answers[] = {
        WITH_BODY("404 No", ERROR_XML("NoSuchBucket"))};
    struct error err = {0};
    unsigned seen = 0;
    bool there = true;
    start(fixture, answers, COUNT(answers));
    test_expect_error(list(fixture, &seen, &err), STATUS_UNAVAILABLE, &err,
                      "store_bucket");
    test_expect_error(has(fixture, &there, &err), STATUS_UNAVAILABLE, &err,
                      "store_bucket");
    assert_false(there);
    test_expect_error(
        fixture->store->methods->remove(fixture->store, fixture->name, &err),
        STATUS_UNAVAILABLE, &err, "store_bucket");
}

#define S3_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S3_TEST(a_put_says_name_and_hash_and_no_more),
        S3_TEST(a_session_token_is_sent_and_signed),
        S3_TEST(connections_are_kept),
        S3_TEST(a_closed_connection_is_replaced),
        S3_TEST(a_busy_store_is_asked_again),
        S3_TEST(there_are_five_tries),
        S3_TEST(a_silent_store_ends_at_the_deadline),
        S3_TEST(nobody_there_is_unreachable),
        S3_TEST(what_the_store_asks_for_is_waited),
        S3_TEST(a_store_that_is_down_is_left_alone),
        S3_TEST(refusals_say_what_to_do),
        S3_TEST(redirects_are_not_followed),
        S3_TEST(an_object_kept_in_part_is_no_success),
        S3_TEST(a_cut_answer_is_asked_for_again),
        S3_TEST(answers_that_stay_cut_are_no_answers),
        S3_TEST(other_ranges_than_asked_for_are_refused),
        S3_TEST(an_emptied_object_is_corrupt),
        S3_TEST(an_object_that_changes_its_length_is_corrupt),
        S3_TEST(reading_on_takes_few_requests),
        S3_TEST(a_whole_object_is_one_request_more),
        S3_TEST(a_listing_that_does_not_get_on_ends),
        S3_TEST(an_endless_answer_is_given_up),
        S3_TEST(a_missing_bucket_is_not_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
