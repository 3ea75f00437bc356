/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: what handlers read out of a request is checked, and what is wrong is
 * named with what is allowed. */
#include "api/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_query(struct request *request, const char *query)
{
    form_clear(&request->query);
    assert_int_equal(form_parse(&request->query, query, strlen(query), NULL),
                     STATUS_OK);
}

static void set_body(struct request *request, const char *body)
{
    buffer_clear(&request->body);
    assert_int_equal(buffer_append(&request->body, body, strlen(body), NULL),
                     STATUS_OK);
}

static void test_query(void **state)
{
    (void)state;
    struct request request = {0};
    set_query(&request, "filename=a%20b.mp3&wait=5");
    assert_string_equal(request_query(&request, "filename"), "a b.mp3");
    assert_null(request_query(&request, "other"));
    form_clear(&request.query);
}

static void test_numbers(void **state)
{
    (void)state;
    struct request request = {0};
    uint64_t number = 0;
    set_query(&request, "a=0&b=60&c=18446744073709551615");
    assert_int_equal(request_number(&request, "a", 0, 60, 7, &number, NULL),
                     STATUS_OK);
    assert_int_equal(number, 0);
    assert_int_equal(request_number(&request, "b", 0, 60, 7, &number, NULL),
                     STATUS_OK);
    assert_int_equal(number, 60);
    assert_int_equal(
        request_number(&request, "c", 0, UINT64_MAX, 7, &number, NULL),
        STATUS_OK);
    assert_true(number == UINT64_MAX);
    assert_int_equal(request_number(&request, "d", 0, 60, 7, &number, NULL),
                     STATUS_OK);
    assert_int_equal(number, 7); /* absent */
    form_clear(&request.query);
}

static void test_no_numbers(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "wait=",     "wait=-1",
        "wait=61",   "wait=x",
        "wait=1.5",  "wait=+1",
        "wait=%201", "wait=1x",
        "wait=0x1",  "wait=18446744073709551616"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct request request = {0};
        struct error err = {0};
        uint64_t number = 0;
        set_query(&request, wrong[i]);
        if (request_number(&request, "wait", 0, 60, 7, &number, &err) !=
            STATUS_INVALID) {
            fail_msg("%s was taken", wrong[i]);
        }
        assert_string_equal(err.code, "bad_parameter");
        assert_non_null(strstr(err.text, "wait"));
        assert_non_null(strstr(err.text, "60"));
        form_clear(&request.query);
    }
}

static void test_json(void **state)
{
    (void)state;
    struct request request = {0};
    json_t *body = NULL;
    const char *text = NULL;
    struct error err = {0};
    set_body(&request, "{\"name\":\"\xc3\xbc\",\"count\":1}");
    assert_int_equal(request_json(&request, &body, &err), STATUS_OK);
    assert_int_equal(request_json_text(body, "name", &text, &err), STATUS_OK);
    assert_string_equal(text, "\xc3\xbc");
    assert_int_equal(request_json_text(body, "count", &text, &err),
                     STATUS_INVALID);
    assert_string_equal(err.code, "bad_field");
    assert_int_equal(request_json_text(body, "none", &text, &err),
                     STATUS_INVALID);
    assert_non_null(strstr(err.text, "none"));
    json_decref(body);
    buffer_clear(&request.body);
}

static void test_bad_json(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "1",
                                        "\"a\"",
                                        "{\"a\":1}x",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"a\":\"\xff\"}",
                                        "{\"a\":\"\\u0000\"}",
                                        "{'a':1}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct request request = {0};
        json_t *body = NULL;
        struct error err = {0};
        set_body(&request, wrong[i]);
        if (request_json(&request, &body, &err) != STATUS_INVALID) {
            fail_msg("%s was taken", wrong[i]);
        }
        assert_null(body);
        assert_string_equal(err.code, "bad_json");
        buffer_clear(&request.body);
    }
}

/* A body may hold a password: an error quotes nothing of it. */
static void test_bad_json_is_not_quoted(void **state)
{
    (void)state;
    struct request request = {0};
    json_t *body = NULL;
    struct error err = {0};
    set_body(&request, "{\"password\": hunter2}");
    assert_int_equal(request_json(&request, &body, &err), STATUS_INVALID);
    assert_null(strstr(err.text, "hunter2"));
    buffer_clear(&request.body);
}

static void test_form(void **state)
{
    (void)state;
    struct request request = {0};
    char value[8] = "before";
    set_body(&request, "grant_type=password&username=a%40b&long=12345678");
    assert_true(request_form(&request, "username", value, sizeof value));
    assert_string_equal(value, "a@b");
    assert_true(!request_form(&request, "long", value, sizeof value));
    assert_true(!request_form(&request, "none", value, sizeof value));
    set_body(&request, "username=%zz");
    assert_true(!request_form(&request, "username", value, sizeof value));
    buffer_clear(&request.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_no_numbers),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_bad_json),
        cmocka_unit_test(test_bad_json_is_not_quoted),
        cmocka_unit_test(test_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
