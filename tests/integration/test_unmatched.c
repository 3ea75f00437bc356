/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: every unmatched track is asked about everything that arrives after it,
 * once; what it becomes then, it becomes whole, and the subscriber's words
 * stay. */
#include "catalog/library/fix.h"
#include "catalog/library/unmatched.h"
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
static struct unmatched tracks[UNMATCHED_PAGE_MAX];

static const int64_t NOW_MS = 1700000002000;
enum { OWN_BYTES = 1000, ASKED = 40 };

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
    struct key jobs = key_jobs();
    (void)TEST_ASK(library.redis, "DEL", jobs.text);
    test_account_next(&library, account);
    return 0;
}

/* An uploaded track with manifest and print that has met ASKED arrivals. */
static struct entry add(const char *content)
{
    static const char bytes[] = "packed";
    struct buffer some = {0};
    struct upload upload;
    char upload_id[ID_SIZE];
    struct entry entry = test_entry(ENTRY_UPLOADED, "", content);
    struct upload_outcome outcome = test_outcome(&entry);
    assert_int_equal(buffer_append(&some, bytes, sizeof bytes, NULL),
                     STATUS_OK);
    outcome.manifest = &some;
    outcome.print = &some;
    outcome.arrivals = ASKED;
    test_upload_make(&library, account, OWN_BYTES, upload_id);
    assert_int_equal(upload_finish(library.redis, account, upload_id, &outcome,
                                   &upload, NULL),
                     STATUS_OK);
    assert_string_equal(upload.track_id, entry.id);
    buffer_clear(&some);
    return entry;
}

static struct entry read_entry(const char *track_id)
{
    struct entry entry;
    assert_int_equal(
        library_entry(library.redis, account, track_id, &entry, NULL),
        STATUS_OK);
    return entry;
}

static size_t below(uint64_t arrivals)
{
    size_t count = 0;
    assert_int_equal(
        unmatched_list(library.redis, account, arrivals, tracks, &count, NULL),
        STATUS_OK);
    return count;
}

static bool exists(enum account_key kind, const char *item)
{
    struct key key = key_of_account(kind, account, item);
    return TEST_ASK(library.redis, "EXISTS", key.text) == 1;
}

/* What the entry is when it is found to be the recording "rec_1". */
static struct entry as_matched(const struct entry *own)
{
    struct entry entry = *own;
    entry.status = ENTRY_MATCHED;
    (void)snprintf(entry.reason, sizeof entry.reason, "matched");
    (void)snprintf(entry.recording_id, sizeof entry.recording_id, "rec_1");
    entry.container = CONTAINER_FLAC;
    entry.size_bytes = 5000;
    entry.duration_ms = 216000;
    entry.advisory = ADVISORY_UNKNOWN;
    entry.evidence = (struct evidence){
        .kind = VERDICT_MATCHED, .recording_id = "rec_1", .title = "Catalog's"};
    return entry;
}

/* ---- the set ---- */

static void an_uploaded_track_is_asked_about_what_came_later(void **state)
{
    (void)state;
    struct entry entry = add("a");
    assert_int_equal(below(ASKED), 0);
    assert_int_equal(below(ASKED + 1), 1);
    assert_string_equal(tracks[0].track_id, entry.id);
    assert_int_equal(tracks[0].asked, ASKED);
}

static void a_matched_track_is_never_asked(void **state)
{
    (void)state;
    char track[ID_SIZE];
    test_track_add(&library, account, ENTRY_MATCHED, "rec_1", "a", track);
    assert_int_equal(below(UINT32_MAX), 0);
}

static void asked_it_waits_for_more(void **state)
{
    (void)state;
    struct entry entry = add("a");
    assert_int_equal(
        unmatched_asked(library.redis, account, entry.id, 50, NULL), STATUS_OK);
    assert_int_equal(below(50), 0);
    assert_int_equal(below(51), 1);
    /* An older walk that ends late takes nothing back. */
    assert_int_equal(
        unmatched_asked(library.redis, account, entry.id, 45, NULL), STATUS_OK);
    assert_int_equal(below(50), 0);
    /* What is not in the set does not come into it. */
    assert_int_equal(unmatched_asked(library.redis, account, "trk_x", 5, NULL),
                     STATUS_OK);
    assert_int_equal(below(51), 1);
}

static void the_account_is_found_by_the_walk(void **state)
{
    (void)state;
    char cursor[24] = "0";
    bool found = false;
    (void)add("a");
    do {
        char(*ids)[ID_SIZE] = NULL;
        size_t count = 0;
        assert_int_equal(
            unmatched_accounts(library.redis, cursor, &ids, &count, NULL),
            STATUS_OK);
        for (size_t i = 0; i < count; i++) {
            found = found || strcmp(ids[i], account) == 0;
        }
        free(ids);
    } while (strcmp(cursor, "0") != 0);
    assert_true(found);
}

static void in_the_trash_nothing_is_asked(void **state)
{
    (void)state;
    struct job job;
    bool found = false;
    struct entry entry = add("a");
    struct entry matched = as_matched(&entry);
    assert_int_equal(
        library_remove(library.redis, account, entry.id, NOW_MS, NULL),
        STATUS_OK);
    assert_int_equal(below(UINT32_MAX), 0);
    assert_int_equal(unmatched_upgrade(library.redis, account, &matched, NULL),
                     STATUS_CONFLICT);
    assert_int_equal(library_restore(library.redis, account, entry.id, NULL),
                     STATUS_OK);
    assert_int_equal(below(ASKED + 1), 1);
    assert_int_equal(tracks[0].asked, ASKED);
    /* What came meanwhile is asked at once. */
    assert_int_equal(jobs_prepare(library.redis, NULL), STATUS_OK);
    assert_int_equal(
        jobs_take(library.redis, "a", 0, 60000, &job, &found, NULL), STATUS_OK);
    assert_true(found);
    assert_int_equal(job.kind, JOB_RESCAN);
    assert_string_equal(job.item_id, entry.id);
    assert_int_equal(job.asked, ASKED);
}

/* ---- upgrades ---- */

static void upgraded_it_is_the_catalogs_with_the_subscribers_words(void **state)
{
    (void)state;
    struct entry own = add("a");
    struct entry wanted = as_matched(&own);
    uint64_t version = test_account_read(&library, account).version;
    assert_int_equal(unmatched_upgrade(library.redis, account, &wanted, NULL),
                     STATUS_OK);
    struct entry entry = read_entry(own.id);
    assert_int_equal(entry.status, ENTRY_MATCHED);
    assert_string_equal(entry.reason, "matched");
    assert_string_equal(entry.recording_id, "rec_1");
    assert_int_equal(entry.container, CONTAINER_FLAC);
    assert_int_equal(entry.size_bytes, 5000);
    assert_int_equal(entry.duration_ms, 216000);
    assert_int_equal(entry.advisory, ADVISORY_UNKNOWN); /* not the old one's */
    assert_int_equal(entry.evidence.kind, VERDICT_MATCHED);
    assert_string_equal(entry.evidence.title, "Catalog's");
    assert_string_equal(entry.title, own.title);
    assert_string_equal(entry.artist, own.artist);
    assert_string_equal(entry.album, own.album);
    assert_string_equal(entry.filename, own.filename);
    assert_string_equal(entry.content_id, own.content_id);
    assert_int_equal(entry.added_ms, own.added_ms);
    assert_int_equal(entry.version, version + 1);
}

static void upgraded_its_audio_is_let_go(void **state)
{
    (void)state;
    struct entry own = add("a");
    struct entry wanted = as_matched(&own);
    assert_true(exists(KEY_MANIFEST, own.id));
    assert_true(exists(KEY_PRINT, own.id));
    assert_int_equal(test_account_read(&library, account).used_bytes,
                     OWN_BYTES);
    assert_int_equal(unmatched_upgrade(library.redis, account, &wanted, NULL),
                     STATUS_OK);
    assert_false(exists(KEY_MANIFEST, own.id));
    assert_false(exists(KEY_PRINT, own.id));
    assert_int_equal(test_account_read(&library, account).used_bytes, 0);
    assert_int_equal(test_account_read(&library, account).track_count, 1);
    assert_int_equal(below(UINT32_MAX), 0);
}

static void an_upgrade_is_told_once(void **state)
{
    (void)state;
    struct change *changes = NULL;
    size_t count = 0;
    struct error err;
    struct entry own = add("a");
    struct entry wanted = as_matched(&own);
    assert_int_equal(unmatched_upgrade(library.redis, account, &wanted, NULL),
                     STATUS_OK);
    assert_int_equal(unmatched_upgrade(library.redis, account, &wanted, &err),
                     STATUS_CONFLICT);
    assert_string_equal(err.code, "changed");
    assert_int_equal(
        library_changes(library.redis, account, 0, 10, &changes, &count, NULL),
        STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(changes[0].kind, CHANGE_ADDED);
    assert_int_equal(changes[1].kind, CHANGE_CHANGED);
    assert_string_equal(changes[1].track_id, own.id);
    free(changes);
}

static void what_changed_meanwhile_stays(void **state)
{
    (void)state;
    struct entry own = add("a");
    struct entry wanted = as_matched(&own);
    (void)snprintf(wanted.content_id, sizeof wanted.content_id, "other");
    assert_int_equal(unmatched_upgrade(library.redis, account, &wanted, NULL),
                     STATUS_CONFLICT);
    wanted = as_matched(&own);
    assert_int_equal(library_fix(library.redis, account, own.id, NOW_MS, NULL),
                     STATUS_OK);
    assert_int_equal(unmatched_upgrade(library.redis, account, &wanted, NULL),
                     STATUS_CONFLICT);
    assert_int_equal(read_entry(own.id).status, ENTRY_UPLOADED);
    assert_true(exists(KEY_MANIFEST, own.id));
}

/* Both have the subscriber's own words: none is lost. The recording is there
 * once all the same, for the next upload of it. */
static void two_tracks_of_one_recording_both_stay(void **state)
{
    (void)state;
    char first[ID_SIZE];
    struct upload again;
    test_track_add(&library, account, ENTRY_MATCHED, "rec_1", "x", first);
    struct entry own = add("a");
    struct entry wanted = as_matched(&own);
    assert_int_equal(unmatched_upgrade(library.redis, account, &wanted, NULL),
                     STATUS_OK);
    assert_string_equal(read_entry(first).recording_id, "rec_1");
    assert_string_equal(read_entry(own.id).recording_id, "rec_1");
    struct entry third = test_entry(ENTRY_MATCHED, "rec_1", "third");
    test_add(&library, account, &third, &again);
    assert_int_equal(again.status, UPLOAD_DUPLICATE);
    assert_string_equal(again.track_id, first);
    /* Removing the second one leaves the first in its place. */
    assert_int_equal(
        library_remove(library.redis, account, own.id, NOW_MS, NULL),
        STATUS_OK);
    test_add(&library, account, &third, &again);
    assert_int_equal(again.status, UPLOAD_DUPLICATE);
    assert_string_equal(again.track_id, first);
}

static void after_an_upgrade_the_recording_is_a_duplicate(void **state)
{
    (void)state;
    struct upload again;
    struct entry own = add("a");
    struct entry wanted = as_matched(&own);
    struct entry third = test_entry(ENTRY_MATCHED, "rec_1", "third");
    assert_int_equal(unmatched_upgrade(library.redis, account, &wanted, NULL),
                     STATUS_OK);
    third.evidence = wanted.evidence;
    test_add(&library, account, &third, &again);
    assert_int_equal(again.status, UPLOAD_DUPLICATE);
    assert_string_equal(again.track_id, own.id);
    /* It says what it was compared with. */
    assert_string_equal(again.evidence.recording_id, "rec_1");
    struct entry same_bytes = test_entry(ENTRY_UPLOADED, "", "a");
    test_add(&library, account, &same_bytes, &again);
    assert_int_equal(again.status, UPLOAD_DUPLICATE);
    assert_string_equal(again.track_id, own.id);
}

/* ---- heard, and still the subscriber's ---- */

static struct entry as_other_edition(const struct entry *own)
{
    struct entry entry = *own;
    (void)snprintf(entry.reason, sizeof entry.reason, "other_edition");
    entry.evidence = (struct evidence){.kind = VERDICT_OTHER_EDITION,
                                       .recording_id = "rec_2",
                                       .difference_count = 1,
                                       .differences = {{1000, 2000}}};
    return entry;
}

static void better_news_is_kept(void **state)
{
    (void)state;
    struct entry own = add("a");
    struct entry heard = as_other_edition(&own);
    uint64_t version = test_account_read(&library, account).version;
    assert_int_equal(unmatched_heard(library.redis, account, &heard, 60, NULL),
                     STATUS_OK);
    struct entry entry = read_entry(own.id);
    assert_string_equal(entry.reason, "other_edition");
    assert_int_equal(entry.evidence.kind, VERDICT_OTHER_EDITION);
    assert_string_equal(entry.evidence.recording_id, "rec_2");
    assert_int_equal(entry.evidence.difference_count, 1);
    assert_int_equal(entry.version, version + 1);
    assert_int_equal(below(60), 0);
    assert_int_equal(below(61), 1);
    /* The same news is none: no device lists the library anew for it. */
    assert_int_equal(unmatched_heard(library.redis, account, &heard, 70, NULL),
                     STATUS_OK);
    assert_int_equal(read_entry(own.id).version, version + 1);
    assert_int_equal(below(70), 0);
}

static void no_news_changes_nothing_but_the_number(void **state)
{
    (void)state;
    struct entry own = add("a");
    struct entry heard = own;
    uint64_t version = test_account_read(&library, account).version;
    heard.reason[0] = '\0';
    assert_int_equal(unmatched_heard(library.redis, account, &heard, 60, NULL),
                     STATUS_OK);
    assert_string_equal(read_entry(own.id).reason, own.reason);
    assert_int_equal(test_account_read(&library, account).version, version);
    assert_int_equal(below(60), 0);
}

static void news_of_a_removed_track_is_refused(void **state)
{
    (void)state;
    struct entry own = add("a");
    struct entry heard = as_other_edition(&own);
    assert_int_equal(
        library_remove(library.redis, account, own.id, NOW_MS, NULL),
        STATUS_OK);
    assert_int_equal(unmatched_heard(library.redis, account, &heard, 60, NULL),
                     STATUS_CONFLICT);
}

/* ---- who asks, and how often ---- */

static void attempts_are_counted_until_they_end(void **state)
{
    (void)state;
    unsigned count = 0;
    struct redis *redis = library.redis;
    assert_int_equal(unmatched_attempt(redis, account, "trk_1", &count, NULL),
                     STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(unmatched_attempt(redis, account, "trk_1", &count, NULL),
                     STATUS_OK);
    assert_int_equal(count, 2);
    unmatched_attempt_undo(redis, account, "trk_1");
    assert_int_equal(unmatched_attempt(redis, account, "trk_1", &count, NULL),
                     STATUS_OK);
    assert_int_equal(count, 2);
    unmatched_attempts_end(redis, account, "trk_1");
    assert_int_equal(unmatched_attempt(redis, account, "trk_1", &count, NULL),
                     STATUS_OK);
    assert_int_equal(count, 1);
}

static bool lease(const char *who, uint32_t lease_ms)
{
    bool held = false;
    assert_int_equal(unmatched_lease(library.redis, who, lease_ms, &held, NULL),
                     STATUS_OK);
    return held;
}

static void one_walks_at_a_time(void **state)
{
    (void)state;
    assert_true(lease("a", 60000));
    assert_true(lease("a", 60000));
    assert_false(lease("b", 60000));
    assert_false(lease("b", 0)); /* gives back nothing that is not its own */
    assert_true(lease("a", 60000));
    assert_false(lease("a", 0));
    assert_true(lease("b", 60000));
    assert_false(lease("b", 0));
}

#define FRESH(name) cmocka_unit_test_setup(name, new_account)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(an_uploaded_track_is_asked_about_what_came_later),
        FRESH(a_matched_track_is_never_asked),
        FRESH(asked_it_waits_for_more),
        FRESH(the_account_is_found_by_the_walk),
        FRESH(in_the_trash_nothing_is_asked),
        FRESH(upgraded_it_is_the_catalogs_with_the_subscribers_words),
        FRESH(upgraded_its_audio_is_let_go),
        FRESH(an_upgrade_is_told_once),
        FRESH(what_changed_meanwhile_stays),
        FRESH(two_tracks_of_one_recording_both_stay),
        FRESH(after_an_upgrade_the_recording_is_a_duplicate),
        FRESH(better_news_is_kept),
        FRESH(no_news_changes_nothing_but_the_number),
        FRESH(news_of_a_removed_track_is_refused),
        FRESH(attempts_are_counted_until_they_end),
        FRESH(one_walks_at_a_time),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
