/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/entry_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

static struct evidence full_evidence(void)
{
    struct evidence evidence = {
        .kind = VERDICT_OTHER_EDITION,
        .recording_id = "rec_1",
        .title = "Catalog title",
        .artist = "Catalog artist",
        .release = "Release",
        .isrc = "USABC0000001",
        .bit_error_rate = 0.031234,
        .cause = CAUSE_UNAVAILABLE,
        .sketch_score = 2.531,
        .side_score = 1.25,
        .residual_db = -13.75,
        .drift_ppm = -999.5,
        .attempt = ATTEMPT_NEIGHBOURS,
        .aligned_ms = UINT32_MAX,
        .offset_ms = INT32_MIN,
        .candidate_count = 12,
        .runner_up_id = "rec_2",
        .runner_up_bit_error_rate = 0.48,
        .difference_count = VERDICT_MAX_DIFFERENCES,
    };
    for (uint32_t i = 0; i < VERDICT_MAX_DIFFERENCES; i++) {
        evidence.differences[i] =
            (struct stretch){UINT32_MAX - 1 - i, UINT32_MAX - i};
    }
    return evidence;
}

static struct entry full_entry(void)
{
    struct entry entry = {
        .id = "trk_1",
        .status = ENTRY_UPLOADED,
        .reason = "other_edition",
        .title = "T\xc3\xadtulo",
        .artist = "Artist",
        .album = "Album",
        .album_artist = "Various",
        .disc = 2,
        .track = 7,
        .date = "1999",
        .isrc = "DEABC9900001",
        .advisory = ADVISORY_EXPLICIT,
        .duration_ms = 215000,
        .added_ms = 1700000001000,
        .fixed_ms = 1700000002000,
        .filename = "07 \"Song\"\n|,.mp3",
        .container = CONTAINER_AIFF,
        .size_bytes = INT64_MAX,
        .recording_id = "rec_3",
        .content_id = "c0ffee",
        .evidence = full_evidence(),
    };
    memset(entry.album, 'x', TAG_SIZE - 1);
    return entry;
}

#define SAME_TEXT(a, b, field) assert_string_equal((a)->field, (b)->field)
#define SAME(a, b, field) assert_true((a)->field == (b)->field)

static void expect_same_evidence(const struct evidence *a,
                                 const struct evidence *b)
{
    SAME(a, b, kind);
    SAME_TEXT(a, b, recording_id);
    SAME_TEXT(a, b, title);
    SAME_TEXT(a, b, artist);
    SAME_TEXT(a, b, release);
    SAME_TEXT(a, b, isrc);
    assert_true(fabs(a->bit_error_rate - b->bit_error_rate) < 1e-6);
    SAME(a, b, cause);
    assert_true(fabs(a->sketch_score - b->sketch_score) < 1e-6);
    assert_true(fabs(a->side_score - b->side_score) < 1e-6);
    assert_true(fabs(a->residual_db - b->residual_db) < 1e-6);
    assert_true(fabs(a->drift_ppm - b->drift_ppm) < 1e-6);
    SAME(a, b, attempt);
    SAME(a, b, aligned_ms);
    SAME(a, b, offset_ms);
    SAME(a, b, candidate_count);
    SAME_TEXT(a, b, runner_up_id);
    assert_true(
        fabs(a->runner_up_bit_error_rate - b->runner_up_bit_error_rate) < 1e-6);
    SAME(a, b, difference_count);
    for (size_t i = 0; i < a->difference_count; i++) {
        SAME(a, b, differences[i].start_ms);
        SAME(a, b, differences[i].end_ms);
    }
}

static void expect_same_entry(const struct entry *a, const struct entry *b)
{
    SAME_TEXT(a, b, id);
    SAME(a, b, status);
    SAME_TEXT(a, b, reason);
    SAME_TEXT(a, b, title);
    SAME_TEXT(a, b, artist);
    SAME_TEXT(a, b, album);
    SAME_TEXT(a, b, album_artist);
    SAME(a, b, disc);
    SAME(a, b, track);
    SAME_TEXT(a, b, date);
    SAME_TEXT(a, b, isrc);
    SAME(a, b, advisory);
    SAME(a, b, duration_ms);
    SAME(a, b, added_ms);
    SAME(a, b, fixed_ms);
    SAME_TEXT(a, b, filename);
    SAME(a, b, container);
    SAME(a, b, size_bytes);
    SAME_TEXT(a, b, recording_id);
    SAME_TEXT(a, b, content_id);
    expect_same_evidence(&a->evidence, &b->evidence);
}

static void a_full_entry_comes_back(void **state)
{
    (void)state;
    struct entry entry = full_entry();
    struct entry read;
    struct record record = {0};
    struct evidence_text text;
    entry_record_write(&record, &entry, &text);
    entry_record_read(&read, "trk_1", &record);
    expect_same_entry(&entry, &read);
}

static void an_empty_entry_comes_back(void **state)
{
    (void)state;
    const struct entry empty = {.id = "trk_1"};
    struct entry read;
    struct record record = {0};
    struct evidence_text text;
    entry_record_write(&record, &empty, &text);
    entry_record_read(&read, "trk_1", &record);
    expect_same_entry(&empty, &read);
}

/* Whatever an older program did not write is empty, and spoils nothing else. */
static void each_missing_field_reads_as_empty(void **state)
{
    (void)state;
    struct entry entry = full_entry();
    struct record whole = {0};
    struct evidence_text text;
    entry_record_write(&whole, &entry, &text);
    for (size_t left_out = 0; left_out < whole.field_count; left_out++) {
        struct record part = {0};
        struct record again = {0};
        struct evidence_text again_text;
        struct entry read;
        for (size_t i = 0; i < whole.field_count; i++) {
            if (i != left_out) {
                record_add_text(&part, whole.fields[i].name,
                                whole.fields[i].text);
            }
        }
        entry_record_read(&read, "trk_1", &part);
        entry_record_write(&again, &read, &again_text);
        for (size_t i = 0; i < part.field_count; i++) {
            assert_string_equal(record_text(&again, part.fields[i].name),
                                part.fields[i].text);
        }
    }
}

static void unknown_fields_and_words_are_no_harm(void **state)
{
    (void)state;
    struct record record = {0};
    struct entry read;
    record_add_text(&record, "from_the_future", "42");
    record_add_text(&record, "status", "levitating");
    record_add_text(&record, "container", "cylinder");
    record_add_text(&record, "advisory", "mild");
    record_add_text(&record, "ev_kind", "maybe");
    record_add_text(&record, "disc", "two");
    record_add_text(&record, "track", "-1");
    record_add_text(&record, "duration_ms", "4294967296");
    record_add_text(&record, "size_bytes", "99999999999999999999");
    record_add_text(&record, "title", "Still here");
    entry_record_read(&read, "trk_1", &record);
    const struct entry expected = {.id = "trk_1", .title = "Still here"};
    expect_same_entry(&expected, &read);
}

static void damaged_differences_end_the_list(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
    } cases[] = {{"", 0},
                 {"1-2", 1},
                 {"1-2,3-4", 2},
                 {"1-2,", 1},
                 {"1-2,x", 1},
                 {"-", 0},
                 {"1", 0},
                 {"1-", 0},
                 {"1-2;3-4", 1},
                 {"4294967296-1", 0},
                 {"1-2,3-99999999999999999999", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct record record = {0};
        struct evidence read;
        record_add_text(&record, "ev_differences", cases[i].text);
        evidence_record_read(&read, &record);
        assert_int_equal(read.difference_count, cases[i].count);
    }
}

static void a_score_that_is_no_number_reads_as_zero(void **state)
{
    (void)state;
    const double odd[] = {NAN, INFINITY, -INFINITY, 1e300};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        const struct evidence evidence = {.sketch_score = odd[i],
                                          .residual_db = odd[i]};
        struct record record = {0};
        struct evidence_text text;
        struct evidence read;
        evidence_record_write(&record, &evidence, &text);
        evidence_record_read(&read, &record);
        assert_true(read.sketch_score == 0.0);
        assert_true(read.residual_db == 0.0);
    }
}

static void every_cause_comes_back(void **state)
{
    (void)state;
    for (int cause = CAUSE_NONE; cause <= CAUSE_UNAVAILABLE; cause++) {
        const struct evidence evidence = {.cause = (enum verdict_cause)cause};
        struct record record = {0};
        struct evidence_text text;
        struct evidence read;
        evidence_record_write(&record, &evidence, &text);
        evidence_record_read(&read, &record);
        assert_int_equal(read.cause, cause);
    }
}

static void a_new_upload_waits(void **state)
{
    (void)state;
    const struct upload upload = {
        .status = UPLOAD_ERROR, /* whatever the caller left there */
        .filename = "a.mp3",
        .size_bytes = 5,
        .created_ms = 6,
        .for_track = "trk_7",
    };
    struct record record = {0};
    struct upload read;
    upload_record_write(&record, &upload);
    upload_record_read(&read, "acc_1", "upl_1", &record);
    assert_string_equal(read.id, "upl_1");
    assert_string_equal(read.account_id, "acc_1");
    assert_int_equal(read.status, UPLOAD_WAITING);
    assert_string_equal(read.filename, "a.mp3");
    assert_int_equal(read.size_bytes, 5);
    assert_int_equal(read.created_ms, 6);
    assert_string_equal(read.for_track, "trk_7");
    assert_string_equal(read.track_id, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_entry_comes_back),
        cmocka_unit_test(an_empty_entry_comes_back),
        cmocka_unit_test(each_missing_field_reads_as_empty),
        cmocka_unit_test(unknown_fields_and_words_are_no_harm),
        cmocka_unit_test(damaged_differences_end_the_list),
        cmocka_unit_test(a_score_that_is_no_number_reads_as_zero),
        cmocka_unit_test(every_cause_comes_back),
        cmocka_unit_test(a_new_upload_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
