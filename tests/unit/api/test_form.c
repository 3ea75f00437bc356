/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: urlencoded parameters are read as WHATWG URL §5.1 says, and what is
 * broken is refused. */
#include "api/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void value_is(const char *encoded, const char *name, const char *value)
{
    struct form form;
    struct error err = {0};
    assert_int_equal(form_parse(&form, encoded, strlen(encoded), &err),
                     STATUS_OK);
    const char *got = form_get(&form, name);
    if (value == NULL) {
        assert_null(got);
    } else {
        assert_non_null(got);
        assert_string_equal(got, value);
    }
    form_clear(&form);
}

static void is_refused(const char *encoded, size_t length, const char *code)
{
    struct form form;
    struct error err = {0};
    assert_int_equal(form_parse(&form, encoded, length, &err), STATUS_INVALID);
    assert_string_equal(err.code, code);
    assert_null(form.text);
    assert_int_equal(form.field_count, 0);
}

static void test_pairs(void **state)
{
    (void)state;
    value_is("a=1&b=2", "a", "1");
    value_is("a=1&b=2", "b", "2");
    value_is("a=1&b=2", "c", NULL);
    value_is("a", "a", "");
    value_is("a=", "a", "");
    value_is("=x", "", "x");
    value_is("a=b=c", "a", "b=c");
    value_is("&&a=1&&", "a", "1");
    value_is("", "a", NULL);
    value_is("a=1&a=2", "a", "1"); /* the first one counts */
    value_is("A=1", "a", NULL);
}

static void test_decoding(void **state)
{
    (void)state;
    value_is("a=x+y", "a", "x y");
    value_is("a=x%2By", "a", "x+y");
    value_is("a=%26%3d%25", "a", "&=%");
    value_is("%61=1", "a", "1");
    value_is("a=%c3%BC", "a", "\xc3\xbc");
    value_is("a=%ff", "a", "\xff"); /* bytes, not yet text */
    value_is("a=%0a", "a", "\n");
}

static void test_broken(void **state)
{
    (void)state;
    static const char *const broken[] = {"a=%",   "a=%4",  "a=%zz", "a=%4z",
                                         "a=%00", "%00=a", "a=%%41"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        is_refused(broken[i], strlen(broken[i]), "bad_encoding");
    }
    is_refused("a=b\0c", 5, "bad_encoding");
}

/* As many as FORM_FIELDS_MAX, not one more. */
static void test_bound(void **state)
{
    (void)state;
    char text[2 * FORM_FIELDS_MAX + 3];
    for (size_t i = 0; i <= FORM_FIELDS_MAX; i++) {
        text[2 * i] = 'a';
        text[2 * i + 1] = '&';
    }
    struct form form;
    assert_int_equal(form_parse(&form, text, 2 * (size_t)FORM_FIELDS_MAX, NULL),
                     STATUS_OK);
    assert_int_equal(form.field_count, FORM_FIELDS_MAX);
    form_clear(&form);
    is_refused(text, 2 * (size_t)FORM_FIELDS_MAX + 1, "too_many_fields");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
