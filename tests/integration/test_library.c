/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/keys.h"
#include "tests/support/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
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

static enum status read_entry(const char *id, struct entry *out,
                              struct error *err)
{
    return library_entry(library.redis, account, id, out, err);
}

/* All pages of `limit`; up to `room` ids, in order. */
static size_t list_ids(uint32_t limit, char ids[][ID_SIZE], size_t room)
{
    uint64_t cursor = 0;
    size_t total = 0;
    do {
        struct entry *entries = NULL;
        size_t count = 0;
        uint64_t version = 0;
        assert_int_equal(library_list(library.redis, account, cursor, limit,
                                      &entries, &count, &cursor, &version,
                                      NULL),
                         STATUS_OK);
        assert_in_range(count, 0, limit);
        for (size_t i = 0; i < count; i++) {
            assert_in_range(total, 0, room - 1);
            memcpy(ids[total++], entries[i].id, ID_SIZE);
        }
        free(entries);
    } while (cursor != 0);
    return total;
}

static void an_entry_comes_back_as_it_was_added(void **state)
{
    (void)state;
    struct upload upload;
    struct entry read;
    struct entry entry = test_entry(ENTRY_MATCHED, "rec_1", "bytes");
    entry.evidence.kind = VERDICT_MATCHED;
    entry.evidence.aligned_ms = 120000;
    test_add(&library, account, &entry, &upload);
    assert_int_equal(upload.status, UPLOAD_MATCHED);
    assert_int_equal(read_entry(entry.id, &read, NULL), STATUS_OK);
    assert_string_equal(read.title, entry.title);
    assert_string_equal(read.album_artist, entry.album_artist);
    assert_string_equal(read.recording_id, "rec_1");
    assert_string_equal(read.content_id, entry.content_id);
    assert_int_equal(read.container, CONTAINER_MP3);
    assert_int_equal(read.added_ms, entry.added_ms);
    assert_int_equal(read.evidence.kind, VERDICT_MATCHED);
    assert_int_equal(read.evidence.aligned_ms, 120000);
    assert_int_equal(read.version, 1);
}

static void only_uploaded_audio_counts_against_the_quota(void **state)
{
    (void)state;
    char id[ID_SIZE];
    add(ENTRY_MATCHED, "rec_1", "one", id);
    add(ENTRY_UPLOADED, "", "two", id);
    struct account now = test_account_read(&library, account);
    assert_int_equal(now.track_count, 2);
    assert_int_equal(now.used_bytes, 1000);
    assert_int_equal(now.version, 2);
}

static void pages_have_every_track_once_in_the_order_of_adding(void **state)
{
    (void)state;
    enum { TRACKS = 25 };
    char added[TRACKS][ID_SIZE];
    char listed[TRACKS + 1][ID_SIZE];
    static const uint32_t limits[] = {1, 7, 24, 25, 26, LIBRARY_PAGE_MAX};
    for (int i = 0; i < TRACKS; i++) {
        char content[16];
        (void)snprintf(content, sizeof content, "song %d", i);
        add(ENTRY_UPLOADED, "", content, added[i]);
    }
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        assert_int_equal(list_ids(limits[i], listed, TRACKS + 1), TRACKS);
        assert_memory_equal(listed, added, sizeof added);
    }
}

static void an_empty_library_lists_nothing(void **state)
{
    (void)state;
    char ids[1][ID_SIZE];
    assert_int_equal(list_ids(10, ids, 1), 0);
}

static void removing_puts_a_track_into_the_trash(void **state)
{
    (void)state;
    char id[ID_SIZE];
    char ids[1][ID_SIZE];
    struct entry entry;
    struct error err;
    add(ENTRY_UPLOADED, "", "bytes", id);
    assert_int_equal(library_remove(library.redis, account, id, NOW_MS, NULL),
                     STATUS_OK);
    assert_int_equal(read_entry(id, &entry, &err), STATUS_NOT_FOUND);
    assert_string_equal(err.code, "no_track");
    assert_int_equal(list_ids(10, ids, 1), 0);
    struct account now = test_account_read(&library, account);
    assert_int_equal(now.track_count, 0);
    assert_int_equal(now.used_bytes, 0);
    assert_int_equal(now.version, 2);
    struct key trash = key_of_account(KEY_TRASH, account, "");
    assert_int_equal(TEST_ASK(library.redis, "ZSCORE", trash.text, id), NOW_MS);
    assert_int_equal(library_remove(library.redis, account, id, NOW_MS, &err),
                     STATUS_NOT_FOUND);
    assert_string_equal(err.code, "no_track");
}

static void restoring_undoes_removing(void **state)
{
    (void)state;
    char first[ID_SIZE];
    char second[ID_SIZE];
    char ids[3][ID_SIZE];
    struct entry before;
    struct entry after;
    add(ENTRY_UPLOADED, "", "one", first);
    add(ENTRY_MATCHED, "rec_1", "two", second);
    assert_int_equal(read_entry(first, &before, NULL), STATUS_OK);
    assert_int_equal(
        library_remove(library.redis, account, first, NOW_MS, NULL), STATUS_OK);
    assert_int_equal(library_restore(library.redis, account, first, NULL),
                     STATUS_OK);
    assert_int_equal(read_entry(first, &after, NULL), STATUS_OK);
    assert_int_equal(after.version, 4);
    after.version = before.version;
    assert_memory_equal(&after, &before, sizeof after);
    assert_int_equal(list_ids(10, ids, 3), 2);
    assert_string_equal(ids[0], first); /* where it was */
    struct account now = test_account_read(&library, account);
    assert_int_equal(now.track_count, 2);
    assert_int_equal(now.used_bytes, 1000);
    /* the same bytes are a duplicate of it again */
    struct upload upload;
    struct entry again = test_entry(ENTRY_UPLOADED, "", "one");
    test_add(&library, account, &again, &upload);
    assert_int_equal(upload.status, UPLOAD_DUPLICATE);
    assert_string_equal(upload.track_id, first);
}

static void what_is_not_in_the_trash_cannot_be_restored(void **state)
{
    (void)state;
    char id[ID_SIZE];
    struct error err;
    add(ENTRY_UPLOADED, "", "bytes", id);
    const char *const ids[] = {id, "trk_none", "", "a b", "{a:x}"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(library_restore(library.redis, account, ids[i], &err),
                         STATUS_NOT_FOUND);
        assert_string_equal(err.code, "no_track");
    }
}

static void a_song_that_was_added_again_is_not_restored_too(void **state)
{
    (void)state;
    char old_bytes[ID_SIZE];
    char old_sound[ID_SIZE];
    char id[ID_SIZE];
    struct error err;
    add(ENTRY_UPLOADED, "", "same bytes", old_bytes);
    add(ENTRY_MATCHED, "rec_same", "rip one", old_sound);
    const char *const removed[] = {old_bytes, old_sound};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            library_remove(library.redis, account, removed[i], NOW_MS, NULL),
            STATUS_OK);
    }
    add(ENTRY_UPLOADED, "", "same bytes", id);
    add(ENTRY_MATCHED, "rec_same", "rip two", id);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            library_restore(library.redis, account, removed[i], &err),
            STATUS_CONFLICT);
        assert_string_equal(err.code, "already_there");
    }
    /* and what took the place is still found */
    struct entry entry;
    assert_int_equal(read_entry(id, &entry, NULL), STATUS_OK);
    assert_int_equal(library_remove(library.redis, account, id, NOW_MS, NULL),
                     STATUS_OK);
    assert_int_equal(library_restore(library.redis, account, old_sound, NULL),
                     STATUS_OK);
}

/* The catalog's recording that an own edition was compared with is not it. */
static void an_uploaded_edition_leaves_the_matched_one_alone(void **state)
{
    (void)state;
    char matched[ID_SIZE];
    char uploaded[ID_SIZE];
    struct upload upload;
    add(ENTRY_MATCHED, "rec_1", "album", matched);
    add(ENTRY_UPLOADED, "rec_1", "radio", uploaded);
    for (int i = 0; i < 2; i++) {
        struct entry again = test_entry(ENTRY_MATCHED, "rec_1", "third rip");
        test_add(&library, account, &again, &upload);
        assert_int_equal(upload.status, UPLOAD_DUPLICATE);
        assert_string_equal(upload.track_id, matched);
        assert_int_equal(
            library_remove(library.redis, account, uploaded, NOW_MS, NULL),
            STATUS_OK);
        test_add(&library, account, &again, &upload);
        assert_string_equal(upload.track_id, matched);
        assert_int_equal(
            library_restore(library.redis, account, uploaded, NULL), STATUS_OK);
    }
}

static void restoring_keeps_to_the_quota(void **state)
{
    (void)state;
    char id[ID_SIZE];
    struct error err;
    struct upload upload;
    struct entry large = test_entry(ENTRY_UPLOADED, "", "large");
    large.size_bytes = TEST_LIMIT_BYTES;
    test_add(&library, account, &large, &upload);
    assert_int_equal(
        library_remove(library.redis, account, large.id, NOW_MS, NULL),
        STATUS_OK);
    add(ENTRY_UPLOADED, "", "small", id);
    assert_int_equal(library_restore(library.redis, account, large.id, &err),
                     STATUS_LIMIT);
    assert_string_equal(err.code, "quota");
    assert_int_equal(library_remove(library.redis, account, id, NOW_MS, NULL),
                     STATUS_OK);
    assert_int_equal(library_restore(library.redis, account, large.id, NULL),
                     STATUS_OK);
}

static void the_manifest_comes_back_byte_for_byte(void **state)
{
    (void)state;
    static const char sealed[] = "sealed\0manifest";
    char uploaded[ID_SIZE];
    char matched[ID_SIZE];
    struct buffer manifest = {0};
    struct error err;
    add(ENTRY_UPLOADED, "", "one", uploaded);
    add(ENTRY_MATCHED, "rec_1", "two", matched);
    assert_int_equal(
        library_manifest(library.redis, account, uploaded, &manifest, NULL),
        STATUS_OK);
    assert_int_equal(manifest.length, sizeof sealed - 1);
    assert_memory_equal(manifest.bytes, sealed, sizeof sealed - 1);
    assert_int_equal(
        library_manifest(library.redis, account, matched, &manifest, &err),
        STATUS_NOT_FOUND);
    assert_int_equal(
        library_manifest(library.redis, account, "a b", &manifest, &err),
        STATUS_NOT_FOUND);
    buffer_clear(&manifest);
}

static void nobody_reaches_the_library_of_another(void **state)
{
    (void)state;
    char id[ID_SIZE];
    char owner[ID_SIZE];
    struct entry entry;
    struct error err;
    struct buffer manifest = {0};
    add(ENTRY_UPLOADED, "", "one", id);
    memcpy(owner, account, ID_SIZE);
    (void)new_account(state);
    assert_int_equal(read_entry(id, &entry, &err), STATUS_NOT_FOUND);
    assert_string_equal(err.code, "no_track");
    assert_int_equal(
        library_manifest(library.redis, account, id, &manifest, &err),
        STATUS_NOT_FOUND);
    assert_int_equal(library_remove(library.redis, account, id, NOW_MS, &err),
                     STATUS_NOT_FOUND);
    assert_int_equal(library_restore(library.redis, account, id, &err),
                     STATUS_NOT_FOUND);
    memcpy(account, owner, ID_SIZE);
    assert_int_equal(read_entry(id, &entry, &err), STATUS_OK);
}

/* ---- while others change it ---- */

static atomic_bool stop;

static void *keep_changing(void *unused)
{
    struct test_library mine = library;
    (void)unused;
    mine.redis = test_redis_open(&library.server);
    for (int i = 0; !stop; i++) {
        char content[32];
        struct upload upload;
        (void)snprintf(content, sizeof content, "passing %d", i);
        struct entry entry = test_entry(ENTRY_UPLOADED, "", content);
        test_add(&mine, account, &entry, &upload);
        enum status status =
            library_remove(mine.redis, account, entry.id, NOW_MS, NULL);
        if (status != STATUS_OK) {
            abort();
        }
    }
    redis_close(mine.redis);
    return NULL;
}

static bool is_among(const char *id, char ids[][ID_SIZE], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(ids[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static void pages_stay_whole_while_the_library_changes(void **state)
{
    (void)state;
    enum { TRACKS = 40, ROOM = 4000, ROUNDS = 20 };
    static char listed[ROOM][ID_SIZE];
    char kept[TRACKS][ID_SIZE];
    pthread_t thread;
    for (int i = 0; i < TRACKS; i++) {
        char content[16];
        (void)snprintf(content, sizeof content, "kept %d", i);
        add(ENTRY_UPLOADED, "", content, kept[i]);
    }
    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, keep_changing, NULL), 0);
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = list_ids(7, listed, ROOM);
        for (int i = 0; i < TRACKS; i++) {
            assert_true(is_among(kept[i], listed, count));
        }
        for (size_t i = 0; i < count; i++) {
            assert_false(is_among(listed[i], listed + i + 1, count - i - 1));
        }
    }
    stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    struct account now = test_account_read(&library, account);
    assert_int_equal(now.track_count, TRACKS);
    assert_int_equal(now.used_bytes, TRACKS * 1000);
}

#define FRESH(name) cmocka_unit_test_setup(name, new_account)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(an_entry_comes_back_as_it_was_added),
        FRESH(only_uploaded_audio_counts_against_the_quota),
        FRESH(pages_have_every_track_once_in_the_order_of_adding),
        FRESH(an_empty_library_lists_nothing),
        FRESH(removing_puts_a_track_into_the_trash),
        FRESH(restoring_undoes_removing),
        FRESH(what_is_not_in_the_trash_cannot_be_restored),
        FRESH(a_song_that_was_added_again_is_not_restored_too),
        FRESH(an_uploaded_edition_leaves_the_matched_one_alone),
        FRESH(restoring_keeps_to_the_quota),
        FRESH(the_manifest_comes_back_byte_for_byte),
        FRESH(nobody_reaches_the_library_of_another),
        FRESH(pages_stay_whole_while_the_library_changes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
