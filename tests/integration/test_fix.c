/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: "this is not my song" is remembered, gives the track the subscriber's
 * own audio, keeps it out of every later match, and can be taken back. */
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
    struct key jobs = key_jobs();
    (void)TEST_ASK(library.redis, "DEL", jobs.text);
    test_account_next(&library, account);
    return 0;
}

static void add_matched(const char *content, char out_id[ID_SIZE])
{
    test_track_add(&library, account, ENTRY_MATCHED, "rec_1", content, out_id);
}

static struct entry read_entry(const char *track_id)
{
    struct entry entry;
    assert_int_equal(
        library_entry(library.redis, account, track_id, &entry, NULL),
        STATUS_OK);
    return entry;
}

static void fix(const char *track_id)
{
    assert_int_equal(
        library_fix(library.redis, account, track_id, NOW_MS, NULL), STATUS_OK);
}

static void unfix(const char *track_id)
{
    assert_int_equal(library_unfix(library.redis, account, track_id, NULL),
                     STATUS_OK);
}

static uint64_t version(void)
{
    return test_account_read(&library, account).version;
}

static enum denial denied(char out_track[ID_SIZE])
{
    enum denial denial = DENIAL_NONE;
    assert_int_equal(
        denial_find(library.redis, account, "rec_1", &denial, out_track, NULL),
        STATUS_OK);
    return denial;
}

/* Sends `content` as the own audio of a track. */
static enum status send_own(const char *track_id, const char *content,
                            uint64_t size_bytes, struct upload *out)
{
    static const char bytes[] = "packed";
    struct buffer some = {0};
    char upload_id[ID_SIZE];
    struct entry entry = test_entry(ENTRY_UPLOADED, "", content);
    struct upload_outcome outcome = test_outcome(&entry);
    (void)snprintf(entry.id, sizeof entry.id, "%s", track_id);
    (void)snprintf(entry.reason, sizeof entry.reason, "fixed");
    (void)snprintf(entry.title, sizeof entry.title, "not to be taken");
    entry.size_bytes = size_bytes;
    entry.container = CONTAINER_OGG;
    entry.evidence =
        (struct evidence){.kind = VERDICT_MATCHED, .recording_id = "rec_1"};
    assert_int_equal(buffer_append(&some, bytes, sizeof bytes, NULL),
                     STATUS_OK);
    outcome.manifest = &some;
    outcome.print = &some;
    outcome.is_own = true;
    test_upload_make(&library, account, size_bytes, upload_id);
    enum status status =
        upload_finish(library.redis, account, upload_id, &outcome, out, NULL);
    buffer_clear(&some);
    return status;
}

static bool is_asked(const char *track_id)
{
    bool has = false;
    assert_int_equal(
        unmatched_has(library.redis, account, track_id, &has, NULL), STATUS_OK);
    return has;
}

static void a_fixed_match_plays_on_and_wants_the_own_audio(void **state)
{
    (void)state;
    char track[ID_SIZE];
    char found[ID_SIZE];
    add_matched("a", track);
    assert_int_equal(denied(found), DENIAL_NONE);
    fix(track);
    struct entry entry = read_entry(track);
    assert_int_equal(entry.status, ENTRY_MATCHED);
    assert_string_equal(entry.recording_id, "rec_1");
    assert_string_equal(entry.reason, "own_audio_wanted");
    assert_int_equal(entry.fixed_ms, NOW_MS);
    assert_true(entry_wants_audio(&entry));
    assert_int_equal(denied(found), DENIAL_WANTED);
    assert_string_equal(found, track);
}

static void fixing_twice_is_fixing_once(void **state)
{
    (void)state;
    char track[ID_SIZE];
    add_matched("a", track);
    uint64_t before = version();
    fix(track);
    assert_int_equal(version(), before + 1);
    assert_int_equal(
        library_fix(library.redis, account, track, NOW_MS + 5, NULL),
        STATUS_OK);
    assert_int_equal(version(), before + 1);
    assert_int_equal(read_entry(track).fixed_ms, NOW_MS);
    unfix(track);
    assert_int_equal(version(), before + 2);
    unfix(track);
    assert_int_equal(version(), before + 2);
}

static void taken_back_it_is_as_before(void **state)
{
    (void)state;
    char track[ID_SIZE];
    char found[ID_SIZE];
    add_matched("a", track);
    fix(track);
    unfix(track);
    struct entry entry = read_entry(track);
    assert_int_equal(entry.status, ENTRY_MATCHED);
    assert_string_equal(entry.reason, "matched");
    assert_int_equal(entry.fixed_ms, 0);
    assert_int_equal(denied(found), DENIAL_NONE);
}

static void both_are_changes_of_the_library(void **state)
{
    (void)state;
    char track[ID_SIZE];
    struct change *changes = NULL;
    size_t count = 0;
    add_matched("a", track);
    fix(track);
    unfix(track);
    assert_int_equal(
        library_changes(library.redis, account, 0, 10, &changes, &count, NULL),
        STATUS_OK);
    assert_int_equal(count, 3);
    assert_int_equal(changes[1].kind, CHANGE_CHANGED);
    assert_int_equal(changes[2].kind, CHANGE_CHANGED);
    assert_string_equal(changes[2].track_id, track);
    free(changes);
}

static void what_is_not_there_cannot_be_fixed(void **state)
{
    (void)state;
    char track[ID_SIZE];
    add_matched("a", track);
    assert_int_equal(
        library_remove(library.redis, account, track, NOW_MS, NULL), STATUS_OK);
    const char *const ids[] = {track, "trk_none", "no id", ""};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct error err;
        assert_int_equal(
            library_fix(library.redis, account, ids[i], NOW_MS, &err),
            STATUS_NOT_FOUND);
        assert_string_equal(err.code, "no_track");
        assert_int_equal(library_unfix(library.redis, account, ids[i], NULL),
                         STATUS_NOT_FOUND);
    }
}

static void the_own_audio_becomes_the_same_track(void **state)
{
    (void)state;
    char track[ID_SIZE];
    char found[ID_SIZE];
    struct upload upload;
    add_matched("a", track);
    struct entry before = read_entry(track);
    fix(track);
    assert_int_equal(send_own(track, "b", 700, &upload), STATUS_OK);
    assert_int_equal(upload.status, UPLOAD_UPLOADED);
    assert_string_equal(upload.reason, "fixed");
    assert_string_equal(upload.track_id, track);
    struct entry entry = read_entry(track);
    assert_int_equal(entry.status, ENTRY_UPLOADED);
    assert_string_equal(entry.reason, "fixed");
    assert_string_equal(entry.recording_id, "");
    assert_int_equal(entry.fixed_ms, NOW_MS);
    assert_int_equal(entry.container, CONTAINER_OGG);
    assert_int_equal(entry.size_bytes, 700);
    assert_string_equal(entry.title, before.title);
    assert_int_equal(entry.added_ms, before.added_ms);
    assert_string_not_equal(entry.content_id, before.content_id);
    assert_false(is_asked(track));
    assert_int_equal(denied(found), DENIAL_KEPT);
    struct account is = test_account_read(&library, account);
    assert_int_equal(is.used_bytes, 700);
    assert_int_equal(is.track_count, 1);
}

static void the_own_audio_is_found_by_its_bytes(void **state)
{
    (void)state;
    char track[ID_SIZE];
    struct upload upload;
    add_matched("a", track);
    fix(track);
    assert_int_equal(send_own(track, "b", 700, &upload), STATUS_OK);
    struct entry same = test_entry(ENTRY_UPLOADED, "", "b");
    test_add(&library, account, &same, &upload);
    assert_int_equal(upload.status, UPLOAD_DUPLICATE);
    assert_string_equal(upload.track_id, track);
    /* The bytes that it was matched by are no longer its own. */
    struct entry other = test_entry(ENTRY_UPLOADED, "", "a");
    test_add(&library, account, &other, &upload);
    assert_int_equal(upload.status, UPLOAD_UPLOADED);
}

static void without_room_the_track_stays_as_it_was(void **state)
{
    (void)state;
    char track[ID_SIZE];
    struct upload upload;
    add_matched("a", track);
    fix(track);
    assert_int_equal(send_own(track, "b", TEST_LIMIT_BYTES + 1, &upload),
                     STATUS_OK);
    assert_int_equal(upload.status, UPLOAD_INELIGIBLE);
    assert_string_equal(upload.reason, "quota");
    struct entry entry = read_entry(track);
    assert_true(entry_wants_audio(&entry));
    assert_string_equal(entry.recording_id, "rec_1");
}

static void audio_that_is_no_longer_wanted_is_refused(void **state)
{
    (void)state;
    char track[ID_SIZE];
    struct upload upload;
    add_matched("a", track);
    assert_int_equal(send_own(track, "b", 700, &upload), STATUS_CONFLICT);
    fix(track);
    assert_int_equal(send_own(track, "b", 700, &upload), STATUS_OK);
    assert_int_equal(send_own(track, "c", 700, &upload), STATUS_CONFLICT);
    assert_int_equal(test_account_read(&library, account).used_bytes, 700);
}

static void bytes_of_another_track_stay_that_tracks(void **state)
{
    (void)state;
    char track[ID_SIZE];
    char other[ID_SIZE];
    struct upload upload;
    add_matched("a", track);
    test_track_add(&library, account, ENTRY_UPLOADED, "", "b", other);
    fix(track);
    assert_int_equal(send_own(track, "b", 700, &upload), STATUS_OK);
    assert_int_equal(upload.status, UPLOAD_DUPLICATE);
    assert_string_equal(upload.track_id, other);
}

/* What was judged before the fix is judged again after it. */
static void a_denied_recording_is_matched_by_no_upload(void **state)
{
    (void)state;
    char track[ID_SIZE];
    char upload_id[ID_SIZE];
    struct upload out;
    struct error err;
    add_matched("a", track);
    fix(track);
    struct entry entry = test_entry(ENTRY_MATCHED, "rec_1", "b");
    struct upload_outcome outcome = test_outcome(&entry);
    test_upload_make(&library, account, 1000, upload_id);
    assert_int_equal(
        upload_finish(library.redis, account, upload_id, &outcome, &out, &err),
        STATUS_CONFLICT);
    assert_string_equal(err.code, "denied");
    assert_int_equal(test_account_read(&library, account).track_count, 1);
    /* Removed, it is remembered all the same. */
    char found[ID_SIZE];
    assert_int_equal(
        library_remove(library.redis, account, track, NOW_MS, NULL), STATUS_OK);
    assert_int_equal(denied(found), DENIAL_KEPT);
    assert_string_equal(found, "");
}

static void a_denied_recording_is_matched_by_no_rescan(void **state)
{
    (void)state;
    char track[ID_SIZE];
    struct upload upload;
    struct error err;
    static const char bytes[] = "packed";
    struct buffer some = {0};
    char upload_id[ID_SIZE];
    add_matched("a", track);
    fix(track);
    struct entry other = test_entry(ENTRY_UPLOADED, "", "b");
    struct upload_outcome outcome = test_outcome(&other);
    assert_int_equal(buffer_append(&some, bytes, sizeof bytes, NULL),
                     STATUS_OK);
    outcome.print = &some;
    test_upload_make(&library, account, 1000, upload_id);
    assert_int_equal(upload_finish(library.redis, account, upload_id, &outcome,
                                   &upload, NULL),
                     STATUS_OK);
    assert_true(is_asked(other.id));
    other.status = ENTRY_MATCHED;
    (void)snprintf(other.recording_id, sizeof other.recording_id, "rec_1");
    assert_int_equal(unmatched_upgrade(library.redis, account, &other, &err),
                     STATUS_CONFLICT);
    assert_string_equal(err.code, "denied");
    assert_int_equal(read_entry(other.id).status, ENTRY_UPLOADED);
    buffer_clear(&some);
}

static void own_audio_is_asked_again_when_the_fix_is_taken_back(void **state)
{
    (void)state;
    char track[ID_SIZE];
    char found_track[ID_SIZE];
    struct upload upload;
    struct job job;
    bool found = false;
    add_matched("a", track);
    fix(track);
    assert_int_equal(send_own(track, "b", 700, &upload), STATUS_OK);
    unfix(track);
    struct entry entry = read_entry(track);
    assert_int_equal(entry.status, ENTRY_UPLOADED);
    assert_int_equal(entry.fixed_ms, 0);
    assert_int_equal(denied(found_track), DENIAL_NONE);
    assert_true(is_asked(track));
    assert_int_equal(jobs_prepare(library.redis, NULL), STATUS_OK);
    assert_int_equal(
        jobs_take(library.redis, "a", 0, 60000, &job, &found, NULL), STATUS_OK);
    assert_true(found);
    assert_int_equal(job.kind, JOB_RESCAN);
    assert_string_equal(job.item_id, track);
    assert_int_equal(job.asked, 0); /* about the whole catalog */
}

static void an_uploaded_track_is_left_alone_once_fixed(void **state)
{
    (void)state;
    static const char bytes[] = "packed";
    struct buffer some = {0};
    char upload_id[ID_SIZE];
    struct upload upload;
    struct entry own = test_entry(ENTRY_UPLOADED, "", "a");
    struct upload_outcome outcome = test_outcome(&own);
    assert_int_equal(buffer_append(&some, bytes, sizeof bytes, NULL),
                     STATUS_OK);
    outcome.print = &some;
    test_upload_make(&library, account, 1000, upload_id);
    assert_int_equal(upload_finish(library.redis, account, upload_id, &outcome,
                                   &upload, NULL),
                     STATUS_OK);
    fix(own.id);
    struct entry entry = read_entry(own.id);
    assert_int_equal(entry.status, ENTRY_UPLOADED);
    assert_string_equal(entry.reason, "fixed");
    assert_false(entry_wants_audio(&entry));
    assert_false(is_asked(own.id));
    /* Through the trash it stays so. */
    assert_int_equal(
        library_remove(library.redis, account, own.id, NOW_MS, NULL),
        STATUS_OK);
    assert_int_equal(library_restore(library.redis, account, own.id, NULL),
                     STATUS_OK);
    assert_false(is_asked(own.id));
    unfix(own.id);
    assert_string_equal(read_entry(own.id).reason, "no_candidate");
    assert_true(is_asked(own.id));
    buffer_clear(&some);
}

#define FRESH(name) cmocka_unit_test_setup(name, new_account)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_fixed_match_plays_on_and_wants_the_own_audio),
        FRESH(fixing_twice_is_fixing_once),
        FRESH(taken_back_it_is_as_before),
        FRESH(both_are_changes_of_the_library),
        FRESH(what_is_not_there_cannot_be_fixed),
        FRESH(the_own_audio_becomes_the_same_track),
        FRESH(the_own_audio_is_found_by_its_bytes),
        FRESH(without_room_the_track_stays_as_it_was),
        FRESH(audio_that_is_no_longer_wanted_is_refused),
        FRESH(bytes_of_another_track_stay_that_tracks),
        FRESH(a_denied_recording_is_matched_by_no_upload),
        FRESH(a_denied_recording_is_matched_by_no_rescan),
        FRESH(own_audio_is_asked_again_when_the_fix_is_taken_back),
        FRESH(an_uploaded_track_is_left_alone_once_fixed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
