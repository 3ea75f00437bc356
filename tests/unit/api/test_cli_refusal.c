/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: whatever answers instead of what was asked for becomes one sentence
 * and a status to branch on. */
#include "api/cli/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum status read_refusal(struct error *err, long http_status,
                                const char *json)
{
    json_t *body = json != NULL ? json_loads(json, 0, NULL) : NULL;

    assert_true(json == NULL || body != NULL);
    *err = (struct error){0};
    const enum status status = refusal_read(http_status, body, err);

    json_decref(body);
    return status;
}

static void a_problem_speaks_for_itself(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(
        read_refusal(&err, 409,
                     "{\"type\":\"about:blank\",\"title\":\"Conflict\","
                     "\"status\":409,\"detail\":\"ten devices are signed in\","
                     "\"code\":\"device_limit\",\"request_id\":\"req_1\"}"),
        STATUS_CONFLICT);
    assert_string_equal(err.code, "device_limit");
    assert_string_equal(err.text, "ten devices are signed in");
}

static void a_fault_of_the_service_names_its_request(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(read_refusal(&err, 503,
                                  "{\"detail\":\"Redis is away\",\"code\":"
                                  "\"redis_down\",\"request_id\":\"req_1\"}"),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.text, "Redis is away (request req_1)");
}

/* RFC 6749 §5.2. */
static void an_oauth_error_is_understood(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(read_refusal(&err, 400,
                                  "{\"error\":\"invalid_grant\","
                                  "\"error_description\":\"wrong password\"}"),
                     STATUS_INVALID);
    assert_string_equal(err.code, "invalid_grant");
    assert_string_equal(err.text, "wrong password");
}

static void something_else_than_the_service_is_told(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(read_refusal(&err, 502, NULL), STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "http_502");
    assert_non_null(strstr(err.text, "502"));
    assert_int_equal(read_refusal(&err, 200, NULL), STATUS_INVALID);
    assert_int_equal(read_refusal(&err, 418, "{\"code\":\"I'm a teapot\"}"),
                     STATUS_INVALID);
    assert_string_equal(err.code, "http_418");
    /* What it says cannot steer the terminal. */
    (void)read_refusal(&err, 400, "{\"detail\":\"a\\u001b[2J\"}");
    assert_string_equal(err.text, "a [2J");
}

static void busy_is_a_reason_to_try_again(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(read_refusal(&err, 429, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(read_refusal(&err, 500, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(read_refusal(&err, 504, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(read_refusal(&err, 413, NULL), STATUS_LIMIT);
    assert_int_equal(read_refusal(&err, 401, NULL), STATUS_DENIED);
    assert_int_equal(read_refusal(&err, 403, NULL), STATUS_DENIED);
    assert_int_equal(read_refusal(&err, 404, NULL), STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_speaks_for_itself),
        cmocka_unit_test(a_fault_of_the_service_names_its_request),
        cmocka_unit_test(an_oauth_error_is_understood),
        cmocka_unit_test(something_else_than_the_service_is_told),
        cmocka_unit_test(busy_is_a_reason_to_try_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
