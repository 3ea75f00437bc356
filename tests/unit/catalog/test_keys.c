/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum { KINDS = KEY_IDEMPOTENCY + 1, NAMES = KINDS + 10 };

static const char *item_of(int kind)
{
    return kind == KEY_TRACK || kind == KEY_MANIFEST || kind == KEY_PRINT ||
                   kind == KEY_UPLOAD || kind == KEY_IDEMPOTENCY
               ? "item"
               : "";
}

/* Redis Cluster specification: a key is placed by what stands between its
 * first { and the next }. */
static void keys_of_an_account_share_its_hash_tag(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct key key =
            key_of_account((enum account_key)kind, "acc_1", item_of(kind));
        assert_memory_equal(key.text, "{a:acc_1}:", 10);
    }
}

static void catalog_keys_have_no_hash_tag(void **state)
{
    (void)state;
    assert_null(strchr(key_email("00ff").text, '{'));
    assert_null(strchr(key_recording("rec_1").text, '{'));
    assert_null(strchr(key_recording_number(7).text, '{'));
    assert_null(strchr(key_reference(7).text, '{'));
    assert_null(strchr(key_release("rel_1").text, '{'));
    assert_null(strchr(key_bucket(7).text, '{'));
}

static void no_two_things_have_one_name(void **state)
{
    (void)state;
    struct key keys[NAMES];
    size_t count = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        keys[count++] =
            key_of_account((enum account_key)kind, "1", item_of(kind));
    }
    keys[count++] = key_email("1");
    keys[count++] = key_recording("1");
    keys[count++] = key_recording_number(1);
    keys[count++] = key_reference(1);
    keys[count++] = key_release("1");
    keys[count++] = key_releases();
    keys[count++] = key_numbers();
    keys[count++] = key_bucket(1);
    keys[count++] = key_jobs();
    keys[count++] = key_audit();
    assert_int_equal(count, NAMES);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(keys[i].text, keys[j].text);
        }
    }
}

static void longest_ids_fit(void **state)
{
    (void)state;
    char id[65];
    memset(id, 'x', 64);
    id[64] = '\0';
    struct key key = key_of_account(KEY_IDEMPOTENCY, id, id);
    assert_int_equal(strlen(key.text), strlen("{a:}:idempotency:") + 128);
}

static void buckets_are_named_by_four_hex_digits(void **state)
{
    (void)state;
    assert_string_equal(key_bucket(0).text, "ix:0000");
    assert_string_equal(key_bucket(0xbeef).text, "ix:beef");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_an_account_share_its_hash_tag),
        cmocka_unit_test(catalog_keys_have_no_hash_tag),
        cmocka_unit_test(no_two_things_have_one_name),
        cmocka_unit_test(longest_ids_fit),
        cmocka_unit_test(buckets_are_named_by_four_hex_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
