/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/upkeep/owned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* A name that differs from others in its last bytes too. */
static void name_of(uint32_t number, uint8_t out[SHA256_BYTES])
{
    crypto_sha256(out, &number, sizeof number);
}

static void an_empty_set_owns_nothing(void **state)
{
    (void)state;
    struct owned owned = {0};
    uint8_t name[SHA256_BYTES] = {0};
    owned_sort(&owned);
    assert_null(owned_find(&owned, name));
    owned_clear(&owned);
}

static void what_was_added_is_found_and_nothing_else(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    struct owned owned = {0};
    uint8_t name[SHA256_BYTES];
    for (uint32_t i = 0; i < COUNT; i++) {
        name_of(i, name);
        assert_int_equal(owned_add(&owned, name, i + 1, NULL), STATUS_OK);
    }
    owned_sort(&owned);
    assert_int_equal(owned.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        name_of(i, name);
        const struct owned_object *found = owned_find(&owned, name);
        assert_non_null(found);
        assert_int_equal(found->length_bytes, i + 1);
        name_of(i + COUNT, name);
        assert_null(owned_find(&owned, name));
    }
    for (size_t i = 1; i < owned.count; i++) {
        assert_true(memcmp(owned.objects[i - 1].name, owned.objects[i].name,
                           SHA256_BYTES) < 0);
    }
    owned_clear(&owned);
}

static void what_many_own_takes_the_room_of_one(void **state)
{
    (void)state;
    struct owned owned = {0};
    uint8_t name[SHA256_BYTES];
    for (uint32_t i = 0; i < 100000; i++) {
        name_of(i % 300, name);
        assert_int_equal(owned_add(&owned, name, 7, NULL), STATUS_OK);
    }
    assert_in_range(owned.capacity, 300, 1024);
    owned_sort(&owned);
    assert_int_equal(owned.count, 300);
    owned_clear(&owned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_set_owns_nothing),
        cmocka_unit_test(what_was_added_is_found_and_nothing_else),
        cmocka_unit_test(what_many_own_takes_the_room_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
