/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum { KINDS = KEY_IDEMPOTENCY + 1, NAMES = KINDS + 26 };

static const char *item_of(int kind)
{
    return kind == KEY_TRACK || kind == KEY_MANIFEST || kind == KEY_PRINT ||
                   kind == KEY_UPLOAD || kind == KEY_IDEMPOTENCY ||
                   kind == KEY_ASKING
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
    assert_null(strchr(key_index_segment(7, 1).text, '{'));
    assert_null(strchr(key_index_log().text, '{'));
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
    keys[count++] = key_accounts();
    for (int kind = KEY_PINS; kind <= KEY_READ; kind++) {
        keys[count++] = key_of_upkeep((enum upkeep_key)kind, "1");
    }
    keys[count++] = key_email("1");
    keys[count++] = key_recording("1");
    keys[count++] = key_recording_number(1);
    keys[count++] = key_reference(1);
    keys[count++] = key_release("1");
    keys[count++] = key_releases();
    keys[count++] = key_numbers();
    keys[count++] = key_arrivals();
    keys[count++] = key_unmatched_accounts();
    keys[count++] = key_rescan_lease();
    keys[count++] = key_index_segment(1, 1);
    keys[count++] = key_index_segment(1, 11);
    keys[count++] = key_index_segment(0x11, 1);
    keys[count++] = key_index_versions();
    keys[count++] = key_index_log();
    keys[count++] = key_index_lease();
    keys[count++] = key_index_restoring();
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

static void segments_are_named_by_place_and_version(void **state)
{
    (void)state;
    assert_string_equal(key_index_segment(0, 1).text, "ix:000:1");
    assert_string_equal(key_index_segment(0xbee, 4000000000U).text,
                        "ix:bee:4000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_an_account_share_its_hash_tag),
        cmocka_unit_test(catalog_keys_have_no_hash_tag),
        cmocka_unit_test(no_two_things_have_one_name),
        cmocka_unit_test(longest_ids_fit),
        cmocka_unit_test(segments_are_named_by_place_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
