/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/keys.h"
#include "tests/support/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static struct test_library library;
static char account[ID_SIZE]; /* a new one for every test */

static const int64_t NOW_MS = 1700000002000;

static int setup(void **state)
{
    (void)state;
    test_library_start(&library);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_library_stop(&library);
    return 0;
}

static int new_account(void **state)
{
    (void)state;
    test_account_next(&library, account);
    return 0;
}

/* Adds a track; its id. */
static void add(enum entry_status status, const char *recording_id,
                const char *content, char out_id[ID_SIZE])
{
    test_track_add(&library, account, status, recording_id, content, out_id);
}

static size_t changes_since(uint64_t since, struct change *out, size_t room)
{
    struct change *changes = NULL;
    size_t count = 0;
    assert_int_equal(library_changes(library.redis, account, since,
                                     (uint32_t)room, &changes, &count, NULL),
                     STATUS_OK);
    assert_in_range(count, 0, room);
    memcpy(out, changes, count * sizeof *changes);
    free(changes);
    return count;
}

static void a_new_library_has_no_changes(void **state)
{
    (void)state;
    struct change changes[1];
    assert_int_equal(changes_since(0, changes, 1), 0);
}

static void the_log_tells_every_change_in_order(void **state)
{
    (void)state;
    char one[ID_SIZE];
    char two[ID_SIZE];
    struct change changes[8];
    add(ENTRY_UPLOADED, "", "one", one);
    add(ENTRY_UPLOADED, "", "two", two);
    assert_int_equal(library_remove(library.redis, account, one, NOW_MS, NULL),
                     STATUS_OK);
    assert_int_equal(library_restore(library.redis, account, one, NULL),
                     STATUS_OK);
    const struct change expected[] = {
        {1, CHANGE_ADDED, ""},
        {2, CHANGE_ADDED, ""},
        {3, CHANGE_REMOVED, ""},
        {4, CHANGE_ADDED, ""},
    };
    for (uint64_t since = 0; since <= 4; since++) {
        size_t count = changes_since(since, changes, 8);
        assert_int_equal(count, 4 - since);
        for (size_t i = 0; i < count; i++) {
            const struct change *want = &expected[since + i];
            assert_int_equal(changes[i].version, want->version);
            assert_int_equal(changes[i].kind, want->kind);
            assert_string_equal(changes[i].track_id,
                                want->version == 2 ? two : one);
        }
    }
    assert_int_equal(changes_since(0, changes, 3), 3);
    assert_int_equal(changes[2].version, 3);
}

static enum status ask_changes(uint64_t since, struct error *err)
{
    struct change *changes = NULL;
    size_t count = 0;
    enum status status = library_changes(library.redis, account, since, 10,
                                         &changes, &count, err);
    free(changes);
    return status;
}

static void a_log_that_was_cut_says_so(void **state)
{
    (void)state;
    struct error err;
    for (int i = 0; i < 5; i++) {
        char content[16];
        char id[ID_SIZE];
        (void)snprintf(content, sizeof content, "song %d", i);
        add(ENTRY_UPLOADED, "", content, id);
    }
    struct key log = key_of_account(KEY_CHANGES, account, "");
    assert_int_equal(TEST_ASK(library.redis, "XTRIM", log.text, "MAXLEN", "2"),
                     3);
    /* kept: 4 and 5 */
    assert_int_equal(ask_changes(5, NULL), STATUS_OK);
    assert_int_equal(ask_changes(3, NULL), STATUS_OK);
    assert_int_equal(ask_changes(2, &err), STATUS_LIMIT);
    assert_string_equal(err.code, "changes_gone");
    assert_int_equal(ask_changes(0, &err), STATUS_LIMIT);
    assert_int_equal(TEST_ASK(library.redis, "XTRIM", log.text, "MAXLEN", "0"),
                     2);
    assert_int_equal(ask_changes(5, NULL), STATUS_OK);
    assert_int_equal(ask_changes(4, &err), STATUS_LIMIT);
}

static void a_version_of_the_future_is_answered_like_a_cut_log(void **state)
{
    (void)state;
    char id[ID_SIZE];
    struct error err;
    assert_int_equal(ask_changes(1, &err), STATUS_LIMIT);
    add(ENTRY_UPLOADED, "", "one", id);
    assert_int_equal(ask_changes(1, NULL), STATUS_OK);
    assert_int_equal(ask_changes(2, &err), STATUS_LIMIT);
    assert_string_equal(err.code, "changes_gone");
    assert_int_equal(ask_changes(UINT64_MAX, &err), STATUS_LIMIT);
}

static void a_change_is_announced_with_the_account(void **state)
{
    (void)state;
    char id[ID_SIZE];
    struct redis *listener = test_redis_open(&library.server);
    struct redis_reply *message = NULL;
    assert_int_equal(
        redis_listen(listener, key_changed_channel(), 0, &message, NULL),
        STATUS_OK);
    add(ENTRY_UPLOADED, "", "one", id);
    assert_int_equal(library_remove(library.redis, account, id, NOW_MS, NULL),
                     STATUS_OK);
    assert_int_equal(library_restore(library.redis, account, id, NULL),
                     STATUS_OK);
    for (int i = 0; i < 3; i++) {
        size_t length = 0;
        assert_int_equal(
            redis_listen(listener, key_changed_channel(), 5000, &message, NULL),
            STATUS_OK);
        assert_non_null(message);
        assert_string_equal(redis_reply_bytes(message, &length), account);
        redis_reply_free(message);
    }
    redis_close(listener);
}

#define FRESH(name) cmocka_unit_test_setup(name, new_account)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_new_library_has_no_changes),
        FRESH(the_log_tells_every_change_in_order),
        FRESH(a_log_that_was_cut_says_so),
        FRESH(a_version_of_the_future_is_answered_like_a_cut_log),
        FRESH(a_change_is_announced_with_the_account),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
