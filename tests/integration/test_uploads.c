/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/keys.h"
#include "tests/support/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct test_library library;
static char account[ID_SIZE]; /* a new one for every test */

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

static enum status create(const struct upload *upload, const char *key,
                          struct upload *out, bool *known, struct error *err)
{
    return upload_create(library.redis, upload, key, out, known, err);
}

static enum status finish(const char *upload_id,
                          const struct upload_outcome *outcome,
                          struct upload *out, struct error *err)
{
    return upload_finish(library.redis, account, upload_id, outcome, out, err);
}

static void a_new_upload_waits(void **state)
{
    (void)state;
    struct upload asked = test_upload(account, 123);
    struct upload made;
    struct upload read;
    bool known = true;
    assert_int_equal(create(&asked, NULL, &made, &known, NULL), STATUS_OK);
    assert_false(known);
    assert_int_equal(upload_read(library.redis, account, asked.id, &read, NULL),
                     STATUS_OK);
    assert_string_equal(read.id, asked.id);
    assert_string_equal(read.account_id, account);
    assert_int_equal(read.status, UPLOAD_WAITING);
    assert_string_equal(read.filename, "07 Song.mp3");
    assert_int_equal(read.size_bytes, 123);
    assert_int_equal(read.created_ms, asked.created_ms);
    assert_string_equal(read.track_id, "");
    assert_int_equal(made.status, UPLOAD_WAITING);
    /* a waiting one is kept until it is finished */
    struct key key = key_of_account(KEY_UPLOAD, account, asked.id);
    assert_int_equal(TEST_ASK(library.redis, "TTL", key.text), -1);
}

static void nobody_reads_the_upload_of_another(void **state)
{
    (void)state;
    struct upload asked = test_upload(account, 123);
    struct upload read;
    struct error err;
    bool known = false;
    assert_int_equal(create(&asked, NULL, &read, &known, NULL), STATUS_OK);
    const char *const ids[] = {asked.id, "upl_none", "", "a b"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(
            upload_read(library.redis, library.account, ids[i], &read, &err),
            STATUS_NOT_FOUND);
        assert_string_equal(err.code, "no_upload");
    }
}

/* ---- the client's idempotency key ---- */

static void a_repeated_request_gets_the_first_upload(void **state)
{
    (void)state;
    struct upload first = test_upload(account, 123);
    struct upload second = test_upload(account, 123);
    struct upload made;
    bool known = true;
    assert_int_equal(create(&first, "key 1", &made, &known, NULL), STATUS_OK);
    assert_false(known);
    assert_int_equal(create(&second, "key 1", &made, &known, NULL), STATUS_OK);
    assert_true(known);
    assert_string_equal(made.id, first.id);
    assert_int_equal(
        upload_read(library.redis, account, second.id, &made, NULL),
        STATUS_NOT_FOUND);
    /* another key, another upload */
    assert_int_equal(create(&second, "key 2", &made, &known, NULL), STATUS_OK);
    assert_false(known);
    assert_string_equal(made.id, second.id);
}

static void a_request_repeated_after_the_end_gets_the_outcome(void **state)
{
    (void)state;
    struct upload asked = test_upload(account, 1000);
    struct upload made;
    struct upload done;
    bool known = false;
    const struct entry entry = test_entry(ENTRY_MATCHED, "rec_1", "bytes");
    const struct upload_outcome outcome = test_outcome(&entry);
    assert_int_equal(create(&asked, "key", &made, &known, NULL), STATUS_OK);
    assert_int_equal(finish(made.id, &outcome, &done, NULL), STATUS_OK);
    struct upload again = test_upload(account, 1000);
    assert_int_equal(create(&again, "key", &again, &known, NULL), STATUS_OK);
    assert_true(known);
    assert_int_equal(again.status, UPLOAD_MATCHED);
    assert_string_equal(again.track_id, entry.id);
}

static void a_key_with_another_size_is_refused(void **state)
{
    (void)state;
    struct upload first = test_upload(account, 123);
    struct upload second = test_upload(account, 124);
    struct upload made;
    struct error err;
    bool known = false;
    assert_int_equal(create(&first, "key", &made, &known, NULL), STATUS_OK);
    assert_int_equal(create(&second, "key", &made, &known, &err),
                     STATUS_CONFLICT);
    assert_string_equal(err.code, "idempotency_mismatch");
    assert_false(known);
}

static void a_key_whose_upload_failed_may_try_again(void **state)
{
    (void)state;
    struct upload first = test_upload(account, 123);
    struct upload second = test_upload(account, 123);
    struct upload made;
    bool known = true;
    const struct upload_outcome failed = {.status = UPLOAD_ERROR,
                                          .reason = "internal"};
    assert_int_equal(create(&first, "key", &made, &known, NULL), STATUS_OK);
    assert_int_equal(finish(first.id, &failed, &made, NULL), STATUS_OK);
    assert_int_equal(create(&second, "key", &made, &known, NULL), STATUS_OK);
    assert_false(known);
    assert_string_equal(made.id, second.id);
    assert_int_equal(create(&first, "key", &made, &known, NULL), STATUS_OK);
    assert_true(known);
    assert_string_equal(made.id, second.id);
}

static void the_same_key_of_two_accounts_is_two_keys(void **state)
{
    struct upload mine = test_upload(account, 123);
    struct upload made;
    bool known = true;
    assert_int_equal(create(&mine, "key", &made, &known, NULL), STATUS_OK);
    (void)new_account(state);
    struct upload theirs = test_upload(account, 5);
    assert_int_equal(create(&theirs, "key", &made, &known, NULL), STATUS_OK);
    assert_false(known);
}

static void a_key_is_kept_hashed_and_for_seven_days(void **state)
{
    (void)state;
    char hex[2 * SHA256_BYTES + 1];
    uint8_t hash[SHA256_BYTES];
    struct upload asked = test_upload(account, 123);
    struct upload made;
    bool known = false;
    assert_int_equal(create(&asked, "client's key", &made, &known, NULL),
                     STATUS_OK);
    crypto_sha256(hash, "client's key", strlen("client's key"));
    hex_encode(hex, hash, sizeof hash);
    struct key key = key_of_account(KEY_IDEMPOTENCY, account, hex);
    int64_t week_s = INT64_C(7) * 24 * 3600;
    assert_in_range(TEST_ASK(library.redis, "TTL", key.text), week_s - 60,
                    week_s);
}

/* ---- outcomes ---- */

static void expect_kept_30_days(const char *upload_id)
{
    int64_t month_s = INT64_C(30) * 24 * 3600;
    struct key key = key_of_account(KEY_UPLOAD, account, upload_id);
    assert_in_range(TEST_ASK(library.redis, "TTL", key.text), month_s - 60,
                    month_s);
}

static void an_outcome_stands(void **state)
{
    (void)state;
    char id[ID_SIZE];
    struct upload done;
    struct upload again;
    const struct entry entry = test_entry(ENTRY_MATCHED, "rec_1", "bytes");
    const struct upload_outcome first = test_outcome(&entry);
    const struct upload_outcome second = {.status = UPLOAD_ERROR,
                                          .reason = "internal"};
    test_upload_make(&library, account, 1000, id);
    assert_int_equal(finish(id, &first, &done, NULL), STATUS_OK);
    assert_int_equal(done.status, UPLOAD_MATCHED);
    assert_string_equal(done.reason, "matched");
    assert_string_equal(done.track_id, entry.id);
    assert_string_equal(done.filename, "07 Song.mp3");
    assert_int_equal(finish(id, &second, &again, NULL), STATUS_OK);
    assert_int_equal(again.status, UPLOAD_MATCHED);
    assert_string_equal(again.track_id, entry.id);
    const struct entry other = test_entry(ENTRY_MATCHED, "rec_2", "other");
    const struct upload_outcome third = test_outcome(&other);
    assert_int_equal(finish(id, &third, &again, NULL), STATUS_OK);
    assert_string_equal(again.track_id, entry.id);
    struct account now = test_account_read(&library, account);
    assert_int_equal(now.track_count, 1);
    assert_int_equal(now.version, 1);
    expect_kept_30_days(id);
}

static void outcomes_without_a_track_change_no_library(void **state)
{
    (void)state;
    const struct upload_outcome outcomes[] = {
        {.status = UPLOAD_INELIGIBLE, .reason = "not_audio"},
        {.status = UPLOAD_ERROR, .reason = "internal"},
        {.status = UPLOAD_DUPLICATE,
         .reason = "duplicate",
         .track_id = "trk_there"},
    };
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        char id[ID_SIZE];
        struct upload done;
        test_upload_make(&library, account, 1000, id);
        assert_int_equal(finish(id, &outcomes[i], &done, NULL), STATUS_OK);
        assert_int_equal(done.status, outcomes[i].status);
        assert_string_equal(done.reason, outcomes[i].reason);
        assert_string_equal(done.track_id, outcomes[i].track_id == NULL
                                               ? ""
                                               : outcomes[i].track_id);
        assert_int_equal(upload_read(library.redis, account, id, &done, NULL),
                         STATUS_OK);
        assert_int_equal(done.status, outcomes[i].status);
        expect_kept_30_days(id);
    }
    struct account now = test_account_read(&library, account);
    assert_int_equal(now.version, 0);
    assert_int_equal(now.track_count, 0);
}

static void the_evidence_is_kept_with_the_upload(void **state)
{
    (void)state;
    char id[ID_SIZE];
    struct upload done;
    struct entry entry = test_entry(ENTRY_UPLOADED, "", "bytes");
    entry.evidence = (struct evidence){
        .kind = VERDICT_OTHER_EDITION,
        .recording_id = "rec_1",
        .title = "Song (clean)",
        .difference_count = 1,
        .differences = {{61000, 61400}},
    };
    const struct upload_outcome outcome = test_outcome(&entry);
    test_upload_make(&library, account, 1000, id);
    assert_int_equal(finish(id, &outcome, &done, NULL), STATUS_OK);
    assert_int_equal(done.status, UPLOAD_UPLOADED);
    assert_int_equal(done.evidence.kind, VERDICT_OTHER_EDITION);
    assert_string_equal(done.evidence.recording_id, "rec_1");
    assert_string_equal(done.evidence.title, "Song (clean)");
    assert_int_equal(done.evidence.difference_count, 1);
    assert_int_equal(done.evidence.differences[0].start_ms, 61000);
    assert_int_equal(done.evidence.differences[0].end_ms, 61400);
}

static void there_is_no_outcome_for_an_unknown_upload(void **state)
{
    (void)state;
    struct upload done;
    struct error err;
    const struct entry entry = test_entry(ENTRY_MATCHED, "rec_1", "bytes");
    const struct upload_outcome outcomes[] = {
        test_outcome(&entry), {.status = UPLOAD_ERROR, .reason = "internal"}};
    const char *const ids[] = {"upl_none", "", "a b"};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(finish(ids[i / 2], &outcomes[i % 2], &done, &err),
                         STATUS_NOT_FOUND);
        assert_string_equal(err.code, "no_upload");
    }
    assert_int_equal(test_account_read(&library, account).version, 0);
}

/* ---- duplicates ---- */

static struct upload add(enum entry_status status, const char *recording_id,
                         const char *content)
{
    struct upload upload;
    struct entry entry = test_entry(status, recording_id, content);
    test_add(&library, account, &entry, &upload);
    return upload;
}

static void the_same_recording_or_bytes_are_there_once(void **state)
{
    (void)state;
    static const struct {
        enum entry_status status;
        int same_as; /* index of the earlier case, -1: new */
        const char *recording_id;
        const char *content;
    } cases[] = {
        {ENTRY_MATCHED, -1, "rec_1", "rip one"},
        {ENTRY_MATCHED, 0, "rec_1", "rip two"}, /* the same sound */
        {ENTRY_UPLOADED, 0, "", "rip one"},     /* the same bytes */
        {ENTRY_UPLOADED, -1, "", "live"},       /* new */
        {ENTRY_UPLOADED, 3, "", "live"},        /* the same bytes */
        {ENTRY_MATCHED, 3, "rec_2", "live"},    /* the same bytes */
        {ENTRY_MATCHED, -1, "rec_2", "studio"}, /* new */
        {ENTRY_UPLOADED, -1, "rec_2", "radio"}, /* another edition of it */
    };
    enum { CASES = sizeof cases / sizeof *cases };
    char ids[CASES][ID_SIZE];
    for (int i = 0; i < CASES; i++) {
        struct upload upload =
            add(cases[i].status, cases[i].recording_id, cases[i].content);
        memcpy(ids[i], upload.track_id, ID_SIZE);
        if (cases[i].same_as < 0) {
            assert_int_not_equal(upload.status, UPLOAD_DUPLICATE);
        } else {
            assert_int_equal(upload.status, UPLOAD_DUPLICATE);
            assert_string_equal(upload.reason, "duplicate");
            assert_string_equal(upload.track_id, ids[cases[i].same_as]);
        }
    }
    struct account now = test_account_read(&library, account);
    assert_int_equal(now.track_count, 4);
    assert_int_equal(now.used_bytes, 2000);
}

static void bytes_are_found_however_they_came_in(void **state)
{
    (void)state;
    char found[ID_SIZE];
    struct entry entry = test_entry(ENTRY_MATCHED, "rec_1", "rip");
    struct upload upload;
    assert_int_equal(upload_find_content(library.redis, account,
                                         entry.content_id, found, NULL),
                     STATUS_OK);
    assert_string_equal(found, "");
    test_add(&library, account, &entry, &upload);
    assert_int_equal(upload_find_content(library.redis, account,
                                         entry.content_id, found, NULL),
                     STATUS_OK);
    assert_string_equal(found, entry.id);
    assert_int_equal(library_remove(library.redis, account, entry.id, 1, NULL),
                     STATUS_OK);
    assert_int_equal(upload_find_content(library.redis, account,
                                         entry.content_id, found, NULL),
                     STATUS_OK);
    assert_string_equal(found, "");
}

static void accounts_do_not_see_each_others_songs(void **state)
{
    assert_int_equal(add(ENTRY_MATCHED, "rec_1", "rip").status, UPLOAD_MATCHED);
    (void)new_account(state);
    assert_int_equal(add(ENTRY_MATCHED, "rec_1", "rip").status, UPLOAD_MATCHED);
}

static void what_passes_the_quota_is_ineligible(void **state)
{
    (void)state;
    struct upload upload;
    struct entry almost = test_entry(ENTRY_UPLOADED, "", "almost all");
    almost.size_bytes = TEST_LIMIT_BYTES - 1000;
    test_add(&library, account, &almost, &upload);
    assert_int_equal(upload.status, UPLOAD_UPLOADED);
    struct entry over = test_entry(ENTRY_UPLOADED, "", "too much");
    over.size_bytes = 1001;
    test_add(&library, account, &over, &upload);
    assert_int_equal(upload.status, UPLOAD_INELIGIBLE);
    assert_string_equal(upload.reason, "quota");
    assert_string_equal(upload.track_id, "");
    /* a match takes none of it, and what just fits, fits */
    assert_int_equal(add(ENTRY_MATCHED, "rec_1", "match").status,
                     UPLOAD_MATCHED);
    assert_int_equal(add(ENTRY_UPLOADED, "", "last").status, UPLOAD_UPLOADED);
    struct account now = test_account_read(&library, account);
    assert_int_equal(now.used_bytes, TEST_LIMIT_BYTES);
    assert_int_equal(now.track_count, 3);
    char found[ID_SIZE];
    assert_int_equal(upload_find_content(library.redis, account,
                                         over.content_id, found, NULL),
                     STATUS_OK);
    assert_string_equal(found, "");
}

#define FRESH(name) cmocka_unit_test_setup(name, new_account)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_new_upload_waits),
        FRESH(nobody_reads_the_upload_of_another),
        FRESH(a_repeated_request_gets_the_first_upload),
        FRESH(a_request_repeated_after_the_end_gets_the_outcome),
        FRESH(a_key_with_another_size_is_refused),
        FRESH(a_key_whose_upload_failed_may_try_again),
        FRESH(the_same_key_of_two_accounts_is_two_keys),
        FRESH(a_key_is_kept_hashed_and_for_seven_days),
        FRESH(an_outcome_stands),
        FRESH(outcomes_without_a_track_change_no_library),
        FRESH(the_evidence_is_kept_with_the_upload),
        FRESH(there_is_no_outcome_for_an_unknown_upload),
        FRESH(the_same_recording_or_bytes_are_there_once),
        FRESH(bytes_are_found_however_they_came_in),
        FRESH(accounts_do_not_see_each_others_songs),
        FRESH(what_passes_the_quota_is_ineligible),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
