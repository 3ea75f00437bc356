/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: every error has the HTTP status that the contract and the RFCs give
 * it, the body is problem+json (RFC 9457), and faults of ours are told without
 * their insides. */
#include "api/problem.h"
#include "api/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        enum status status;
        unsigned http_status;
    } cases[] = {
        {"bad_json", STATUS_INVALID, 400},
        {"bad_path", STATUS_INVALID, 400},
        {"method_not_allowed", STATUS_INVALID, 405},
        {"not_audio", STATUS_INVALID, 422},
        {"too_short", STATUS_INVALID, 422},
        {"too_long", STATUS_INVALID, 422},
        {"bad_range", STATUS_INVALID, 416},
        {"expectation", STATUS_INVALID, 417},
        {"unsupported_transfer", STATUS_INVALID, 501},
        {"too_many_headers", STATUS_LIMIT, 431},
        {"no_track", STATUS_NOT_FOUND, 404},
        {"no_route", STATUS_NOT_FOUND, 404},
        {"device_limit", STATUS_CONFLICT, 409},
        {"email_taken", STATUS_CONFLICT, 409},
        {"invalid_token", STATUS_DENIED, 401},
        {"invalid_grant", STATUS_DENIED, 400}, /* RFC 6749 §5.2 */
        {"subscription_lapsed", STATUS_DENIED, 403},
        {"too_large", STATUS_LIMIT, 413},
        {"quota", STATUS_LIMIT, 413},
        {"changes_gone", STATUS_LIMIT, 410},
        {"too_many_tries", STATUS_LIMIT, 429},
        {"redis_unavailable", STATUS_UNAVAILABLE, 503},
        {"busy", STATUS_UNAVAILABLE, 503},
        {"spool_full", STATUS_UNAVAILABLE, 507},
        {"vault_full", STATUS_UNAVAILABLE, 507},
        {"chunk_corrupt", STATUS_CORRUPT, 502},
        {"no_memory", STATUS_NO_MEMORY, 503},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct problem got = problem_of(cases[i].status, cases[i].code);
        if (got.http_status != cases[i].http_status) {
            fail_msg("%s: %u, expected %u", cases[i].code, got.http_status,
                     cases[i].http_status);
        }
        assert_true(got.title[0] != '\0');
        /* RFC 9110 §10.2.3: with 503, as with 429 */
        assert_true((got.http_status == 503 || got.http_status == 429) <=
                    (got.retry_after_s > 0));
    }
}

static json_t *body_of(const struct reply *reply)
{
    json_t *body = json_loadb(reply->bytes, reply->byte_count, 0, NULL);
    assert_non_null(body);
    return body;
}

static void member_is(const json_t *body, const char *name, const char *value)
{
    const char *got = json_string_value(json_object_get(body, name));
    assert_non_null(got);
    assert_string_equal(got, value);
}

static void test_members(void **state)
{
    (void)state;
    struct error err = {"no_track", "there is no such track"};
    struct reply reply = {0};
    json_t *more = json_pack("{s:i, s:s}", "hint", 7, "code", "not mine");
    reply_problem(&reply, STATUS_NOT_FOUND, &err, "req_1", more);
    json_decref(more);
    assert_int_equal(reply.http_status, 404);
    assert_string_equal(reply.content_type, "application/problem+json");
    json_t *body = body_of(&reply);
    member_is(body, "type", "about:blank");
    member_is(body, "title", "Not Found"); /* RFC 9457 §4.2.1 */
    member_is(body, "detail", "there is no such track");
    member_is(body, "code", "no_track"); /* `more` replaces nothing */
    member_is(body, "request_id", "req_1");
    assert_int_equal(json_integer_value(json_object_get(body, "status")), 404);
    assert_int_equal(json_integer_value(json_object_get(body, "hint")), 7);
    json_decref(body);
    reply_clear(&reply);
}

static void test_insides_stay_inside(void **state)
{
    (void)state;
    struct error err = {"redis_unavailable",
                        "cannot reach Redis at /srv/refrain/redis/redis.sock"};
    static const enum status ours[] = {STATUS_UNAVAILABLE, STATUS_CORRUPT,
                                       STATUS_NO_MEMORY};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        struct reply reply = {0};
        reply_problem(&reply, ours[i], &err, "req_1", NULL);
        assert_null(memmem(reply.bytes, reply.byte_count, "/srv", 4));
        json_t *body = body_of(&reply);
        member_is(body, "code", "redis_unavailable");
        json_decref(body);
        reply_clear(&reply);
    }
}

static void test_retry_after(void **state)
{
    (void)state;
    struct error err = {"busy", "come back"};
    struct reply reply = {0};
    reply_problem(&reply, STATUS_UNAVAILABLE, &err, "req_1", NULL);
    assert_int_equal(reply.header_count, 1);
    assert_string_equal(reply.headers[0].name, "Retry-After");
    assert_true(strtol(reply.headers[0].value, NULL, 10) > 0);
    reply_clear(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_insides_stay_inside),
        cmocka_unit_test(test_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
