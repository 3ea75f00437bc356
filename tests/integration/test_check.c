/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: whatever is wrong with the vault is found and named, and nothing else
 * is called wrong. */
#include "catalog/library/library.h"
#include "catalog/redis/keys.h"
#include "catalog/upkeep/check.h"
#include "tests/support/pattern.h"
#include "tests/support/upkeep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SONG_BYTES = 2500000, FINDINGS_MAX = 16 };

static struct test_upkeep upkeep;
static uint8_t song[SONG_BYTES];
static char track[ID_SIZE];

static int set_up(void **state)
{
    (void)state;
    test_upkeep_start(&upkeep);
    pattern_fill(song, sizeof song, 3);
    struct key account =
        key_of_account(KEY_ACCOUNT, upkeep.library.account, "");
    (void)TEST_ASK(upkeep.library.redis, "HSET", account.text, "limit_bytes",
                   "9000000");
    test_song_add(&upkeep, upkeep.library.account, song, SONG_BYTES, "a",
                  track);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_upkeep_stop(&upkeep);
    return 0;
}

struct findings {
    size_t count;
    struct check_finding all[FINDINGS_MAX];
    char tracks[FINDINGS_MAX][ID_SIZE];
};

static void note(void *context, const struct check_finding *finding)
{
    struct findings *findings = context;
    assert_true(findings->count < FINDINGS_MAX);
    (void)snprintf(findings->tracks[findings->count], ID_SIZE, "%s",
                   finding->track_id);
    findings->all[findings->count++] = *finding;
}

static struct check_counts look(bool read_data, uint32_t max_duration_s,
                                struct findings *findings)
{
    const struct check_options options = {.region = UPKEEP_REGION,
                                          .read_data = read_data,
                                          .max_duration_s = max_duration_s};
    const struct check_watch watch = {.found = note, .context = findings};
    struct check_counts counts;
    struct error err = {0};
    *findings = (struct findings){0};
    assert_int_equal(check(&counts, upkeep.library.redis,
                           upkeep.library.keyring, upkeep.store, &options,
                           &watch, &err),
                     STATUS_OK);
    return counts;
}

/* The path of the object that comes first in order of name. */
struct first {
    char path[200];
    char hex[65];
    uint64_t size_bytes;
};

static enum status take_first(void *context, const struct store_entry *entry,
                              struct error *err)
{
    struct first *first = context;
    hex_encode(first->hex, entry->name, SHA256_BYTES);
    first->size_bytes = entry->size_bytes;
    (void)snprintf(first->path, sizeof first->path, "%s/%.2s/%s", upkeep.folder,
                   first->hex, first->hex);
    return error_set(err, STATUS_LIMIT, "enough", "one is enough");
}

static struct first first_object(void)
{
    struct first first = {0};
    struct error err;
    assert_int_equal(upkeep.store->methods->list(upkeep.store, NULL, take_first,
                                                 &first, &err),
                     STATUS_LIMIT);
    return first;
}

static void what_is_whole_is_called_whole(void **state)
{
    (void)state;
    struct findings findings;
    char trashed[ID_SIZE];
    char matched[ID_SIZE];
    struct test_song coming;
    test_song_add(&upkeep, upkeep.library.account, song, 1000, "b", trashed);
    test_track_add(&upkeep.library, upkeep.library.account, ENTRY_MATCHED,
                   "rec_1", "c", matched);
    assert_int_equal(library_remove(upkeep.library.redis,
                                    upkeep.library.account, trashed, 1, NULL),
                     STATUS_OK);
    assert_int_equal(test_song_put(&upkeep, upkeep.library.redis,
                                   upkeep.library.account, song + 7, 2000, "d",
                                   &coming, NULL),
                     STATUS_OK);
    struct check_counts counts = look(true, 0, &findings);
    assert_false(check_is_wrong(&counts));
    assert_int_equal(findings.count, 0);
    assert_int_equal(counts.account_count, 1);
    assert_int_equal(counts.uploaded_count, 2);
    assert_int_equal(counts.matched_count, 1);
    assert_int_equal(counts.matched_bytes, 1000);
    assert_int_equal(counts.logical_bytes, SONG_BYTES + 1000);
    assert_int_equal(counts.seen_count, test_object_count(&upkeep));
    assert_int_equal(counts.seen_count, counts.owned_count + 1);
    assert_int_equal(counts.pinned_count, 1);
    assert_int_equal(counts.read_count, counts.seen_count);
    assert_int_equal(counts.read_bytes, counts.seen_bytes);
    assert_true(counts.read_to_end);

    /* Nobody's, once the pins have ended: counted, and not wrong. */
    struct key pins = key_of_upkeep(KEY_PINS, UPKEEP_REGION);
    assert_int_equal(TEST_ASK(upkeep.library.redis, "DEL", pins.text), 1);
    counts = look(false, 0, &findings);
    assert_int_equal(counts.orphan_count, 1);
    struct collect_options options = collect_defaults(UPKEEP_REGION);
    options.trash_ms = INT64_C(100) * 365 * 86400000;
    (void)test_collect(&upkeep, &options);
    counts = look(false, 0, &findings);
    assert_int_equal(counts.orphan_count, 0);
    assert_int_equal(counts.condemned_count, 1);
    assert_false(check_is_wrong(&counts));
    test_song_clear(&coming);
}

static void a_missing_object_is_found_with_its_track(void **state)
{
    (void)state;
    struct findings findings;
    struct first first = first_object();
    assert_int_equal(unlink(first.path), 0);
    struct check_counts counts = look(false, 0, &findings);
    assert_true(check_is_wrong(&counts));
    assert_int_equal(counts.missing_count, 1);
    assert_int_equal(counts.track_count, 1);
    assert_int_equal(findings.count, 2);
    assert_int_equal(findings.all[0].fault, CHECK_MISSING);
    assert_string_equal(findings.all[0].object, first.hex);
    assert_int_equal(findings.all[0].expected_bytes, first.size_bytes);
    assert_int_equal(findings.all[1].fault, CHECK_TRACK);
    assert_string_equal(findings.tracks[1], track);
}

static void a_short_object_is_found(void **state)
{
    (void)state;
    struct findings findings;
    struct first first = first_object();
    assert_int_equal(truncate(first.path, 100), 0);
    struct check_counts counts = look(false, 0, &findings);
    assert_int_equal(counts.size_count, 1);
    assert_int_equal(findings.all[0].found_bytes, 100);
    assert_int_equal(counts.track_count, 1);
}

static void flip_bit(const char *path, off_t offset)
{
    uint8_t byte = 0;
    assert_int_equal(chmod(path, 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    (void)close(fd);
}

static void a_flipped_bit_is_found_by_reading_alone(void **state)
{
    (void)state;
    struct findings findings;
    struct first first = first_object();
    flip_bit(first.path, 777);
    struct check_counts counts = look(false, 0, &findings);
    assert_false(check_is_wrong(&counts));
    counts = look(true, 0, &findings);
    assert_int_equal(counts.damaged_count, 1);
    assert_int_equal(counts.track_count, 1);
    assert_string_equal(findings.all[0].object, first.hex);
    assert_string_equal(findings.tracks[1], track);
    /* An upload of equal audio by anyone replaces it. */
    char ben[ID_SIZE];
    char again[ID_SIZE];
    test_account_next(&upkeep.library, ben);
    struct key account = key_of_account(KEY_ACCOUNT, ben, "");
    (void)TEST_ASK(upkeep.library.redis, "HSET", account.text, "limit_bytes",
                   "9000000");
    test_song_add(&upkeep, ben, song, SONG_BYTES, "a", again);
    counts = look(true, 0, &findings);
    assert_false(check_is_wrong(&counts));
}

/* In pieces: each begins behind what the one before read last. */
static void reading_goes_on_where_it_stopped(void **state)
{
    (void)state;
    struct findings findings;
    uint64_t read_count = 0;
    uint64_t objects = test_object_count(&upkeep);
    struct key cursor = key_of_upkeep(KEY_READ, UPKEEP_REGION);
    struct first first = first_object();
    assert_true(objects > 3);
    assert_int_equal(TEST_ASK(upkeep.library.redis, "EXISTS", cursor.text), 0);
    const struct redis_arg args[] = {redis_text("SET"), redis_text(cursor.text),
                                     redis_text(first.hex)};
    assert_int_equal(redis_call(upkeep.library.redis, NULL, args, 3, NULL),
                     STATUS_OK);
    struct check_counts counts = look(true, 0, &findings);
    read_count = counts.read_count;
    assert_int_equal(read_count, objects - 1);
    assert_true(counts.read_to_end);
    /* At the end it begins anew. */
    assert_int_equal(TEST_ASK(upkeep.library.redis, "EXISTS", cursor.text), 0);
    counts = look(true, 1000, &findings);
    assert_int_equal(counts.read_count, objects);
}

static void a_wrong_quota_is_found(void **state)
{
    (void)state;
    struct findings findings;
    struct key account =
        key_of_account(KEY_ACCOUNT, upkeep.library.account, "");
    (void)TEST_ASK(upkeep.library.redis, "HSET", account.text, "used_bytes",
                   "12");
    struct check_counts counts = look(false, 0, &findings);
    assert_int_equal(counts.quota_count, 1);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.all[0].found_bytes, 12);
    assert_int_equal(findings.all[0].expected_bytes, SONG_BYTES);
}

static void an_unreadable_manifest_is_found(void **state)
{
    (void)state;
    struct findings findings;
    struct key manifest =
        key_of_account(KEY_MANIFEST, upkeep.library.account, track);
    assert_int_equal(TEST_ASK(upkeep.library.redis, "DEL", manifest.text), 1);
    struct check_counts counts = look(false, 0, &findings);
    assert_int_equal(counts.unreadable_count, 1);
    assert_int_equal(counts.quota_count, 0);
    assert_string_equal(findings.tracks[0], track);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_whole_is_called_whole),
        TEST(a_missing_object_is_found_with_its_track),
        TEST(a_short_object_is_found),
        TEST(a_flipped_bit_is_found_by_reading_alone),
        TEST(reading_goes_on_where_it_stopped),
        TEST(a_wrong_quota_is_found),
        TEST(an_unreadable_manifest_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
