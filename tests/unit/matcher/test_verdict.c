/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/verdict.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/prints.h"

#include <stdlib.h>
#include <string.h>

enum {
    ITEMS = 1500, /* 188 s */
    HOP_US = 123810,
};

/* A reference, and a query that starts as its copy with a codec's noise. */
static struct reference reference;
static struct fingerprint print;
static struct query query;

static void use_items(size_t item_count)
{
    fingerprint_clear(&reference.print);
    fingerprint_clear(&print);
    reference = (struct reference){.print = prints_random(1, item_count)};
    reference.duration_ms = prints_duration_ms(&reference.print);
    print = prints_random(1, item_count);
    prints_spoil(&print, 0, item_count, .01);
    query =
        (struct query){.print = &print, .duration_ms = reference.duration_ms};
}

static int set_up(void **state)
{
    (void)state;
    use_items(ITEMS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fingerprint_clear(&reference.print);
    fingerprint_clear(&print);
    return 0;
}

static struct judgement judge(void)
{
    struct judgement judgement;
    assert_int_equal(verdict_judge(&judgement, &query, &reference, NULL),
                     STATUS_OK);
    return judgement;
}

static void assert_kind(enum verdict_kind kind)
{
    struct judgement judgement = judge();
    assert_int_equal(judgement.kind, kind);
    assert_true(kind != VERDICT_MATCHED || judgement.difference_count == 0);
    judgement_clear(&judgement);
}

/* The one difference shown lies around `at_ms`, and no further than 2 s off. */
static void assert_other_edition_at(uint32_t at_ms)
{
    struct judgement judgement = judge();
    assert_int_equal(judgement.kind, VERDICT_OTHER_EDITION);
    assert_int_equal(judgement.difference_count, 1);
    const struct stretch *stretch = judgement.differences;
    assert_true(stretch->start_ms <= at_ms + 500 &&
                stretch->end_ms + 500 >= at_ms);
    assert_true(stretch->start_ms + 2000 >= at_ms);
    assert_true(stretch->end_ms <= at_ms + 2000);
    judgement_clear(&judgement);
}

static void a_transcode_is_matched(void **state)
{
    struct judgement judgement = judge();
    (void)state;
    assert_int_equal(judgement.kind, VERDICT_MATCHED);
    assert_true(judgement.alignment.bit_error_rate < .011);
    assert_int_equal(judgement.aligned_ms, query.duration_ms);
    assert_int_equal(judgement.offset_ms, 0);
    judgement_clear(&judgement);
}

static void other_music_is_unmatched(void **state)
{
    (void)state;
    fingerprint_clear(&print);
    print = prints_random(2, ITEMS);
    assert_kind(VERDICT_UNMATCHED);
}

/* .05: no real transcode passes it; .08: beyond, nothing local is believed. */
static void noise_decides_between_matched_and_held(void **state)
{
    (void)state;
    prints_spoil(&print, 0, ITEMS, .03);
    assert_kind(VERDICT_MATCHED);
    prints_spoil(&print, 0, ITEMS, .02);
    assert_kind(VERDICT_HELD);
    prints_spoil(&print, 0, ITEMS, .04);
    assert_kind(VERDICT_HELD);
    prints_spoil(&print, 0, ITEMS, .09);
    assert_kind(VERDICT_UNMATCHED);
}

static void a_spoiled_word_is_another_edition(void **state)
{
    (void)state;
    /* what a bleep of .7 s does: 2.7 s of items around it */
    prints_spoil(&print, 800, 24, .2);
    assert_other_edition_at((800 + 12 + 11) * HOP_US / 1000);
}

static void a_muted_word_is_another_edition(void **state)
{
    (void)state;
    for (size_t i = 800; i < 804; i++) {
        print.levels[i] = 5;
    }
    assert_other_edition_at((802 + 11) * HOP_US / 1000);
}

static void a_cut_is_another_edition_with_the_place(void **state)
{
    enum { CUT = 700, GONE = 160 };
    struct fingerprint head = prints_slice(&print, 0, CUT);
    struct fingerprint tail =
        prints_slice(&print, CUT + GONE, ITEMS - CUT - GONE);
    (void)state;
    fingerprint_clear(&print);
    print = prints_join(&head, &tail);
    query.duration_ms = prints_duration_ms(&print);
    assert_other_edition_at((CUT + 11) * HOP_US / 1000);
    fingerprint_clear(&head);
    fingerprint_clear(&tail);
}

static void an_early_end_is_another_edition(void **state)
{
    struct fingerprint head = prints_slice(&print, 0, ITEMS - 100);
    (void)state;
    fingerprint_clear(&print);
    print = head;
    query.duration_ms = prints_duration_ms(&print);
    assert_other_edition_at(query.duration_ms);
}

static void a_late_beginning_is_another_edition(void **state)
{
    struct fingerprint tail = prints_slice(&print, 100, ITEMS - 100);
    (void)state;
    fingerprint_clear(&print);
    print = tail;
    query.duration_ms = prints_duration_ms(&print);
    assert_other_edition_at(0);
    /* ... and no difference is shorter than half a second */
    struct judgement judgement = judge();
    assert_true(judgement.differences[0].end_ms >= 500);
    judgement_clear(&judgement);
}

static void quiet_at_the_ends_makes_no_edition(void **state)
{
    (void)state;
    query.duration_ms += 5000;
    assert_kind(VERDICT_OTHER_EDITION);
    query.tail_quiet_ms = 5000;
    assert_kind(VERDICT_MATCHED);
    reference.duration_ms += 30000;
    reference.print.tail_quiet_ms = 30000;
    assert_kind(VERDICT_MATCHED);
}

/* Ends that differ by 2 s are one edition, by 3 s two. */
static void a_trimmed_beginning_is_forgiven_to_two_seconds(void **state)
{
    static const struct {
        size_t items;
        enum verdict_kind kind;
    } cases[] = {{8, VERDICT_MATCHED}, {24, VERDICT_OTHER_EDITION}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        use_items(ITEMS);
        struct fingerprint tail =
            prints_slice(&print, cases[i].items, ITEMS - cases[i].items);
        fingerprint_clear(&print);
        print = tail;
        query.duration_ms = prints_duration_ms(&print);
        assert_kind(cases[i].kind);
    }
}

/* Ten seconds less in front, ten more behind: as long, and not the same. */
static void equal_durations_do_not_hide_a_shift(void **state)
{
    struct fingerprint tail = prints_slice(&print, 80, ITEMS - 80);
    struct fingerprint more = prints_random(9, 80);
    (void)state;
    fingerprint_clear(&print);
    print = prints_join(&tail, &more);
    assert_kind(VERDICT_OTHER_EDITION);
    fingerprint_clear(&tail);
    fingerprint_clear(&more);
}

static void explicit_and_clean_never_match(void **state)
{
    (void)state;
    query.advisory = ADVISORY_EXPLICIT;
    assert_kind(VERDICT_MATCHED);
    reference.advisory = ADVISORY_CLEAN;
    assert_kind(VERDICT_OTHER_EDITION);
    reference.advisory = ADVISORY_EXPLICIT;
    assert_kind(VERDICT_MATCHED);
}

static void a_short_track_must_be_closer(void **state)
{
    (void)state;
    use_items(200); /* 27 s */
    assert_kind(VERDICT_MATCHED);
    prints_spoil(&print, 0, 200, .03);
    assert_kind(VERDICT_HELD);
    use_items(60); /* 10 s: too little to be sure of */
    assert_kind(VERDICT_HELD);
    use_items(20); /* 5 s: nothing is said of it */
    assert_kind(VERDICT_UNMATCHED);
}

static struct judgement judgement_of(enum verdict_kind kind, double rate)
{
    struct judgement judgement = {.kind = kind};
    judgement.alignment.bit_error_rate = rate;
    judgement.alignment.telling_items = 1000;
    return judgement;
}

static void no_judgement_is_unmatched(void **state)
{
    struct verdict verdict;
    struct judgement none = judgement_of(VERDICT_UNMATCHED, 1);
    (void)state;
    verdict_choose(&verdict, NULL, 0);
    assert_int_equal(verdict.kind, VERDICT_UNMATCHED);
    assert_int_equal(verdict.best, VERDICT_NONE);
    verdict_choose(&verdict, &none, 1);
    assert_int_equal(verdict.best, VERDICT_NONE);
    assert_int_equal(verdict.runner_up, VERDICT_NONE);
}

static void the_best_kind_wins_then_the_fewest_errors(void **state)
{
    const struct judgement judgements[] = {
        judgement_of(VERDICT_OTHER_EDITION, .001),
        judgement_of(VERDICT_MATCHED, .02),
        judgement_of(VERDICT_HELD, .001),
        judgement_of(VERDICT_MATCHED, .01),
        judgement_of(VERDICT_UNMATCHED, 0),
    };
    struct verdict verdict;
    (void)state;
    verdict_choose(&verdict, judgements, 5);
    assert_int_equal(verdict.kind, VERDICT_MATCHED);
    assert_int_equal(verdict.best, 3);
    assert_int_equal(verdict.runner_up, 1);
    assert_true(verdict.bit_error_rate == .01);
    assert_true(verdict.runner_up_bit_error_rate == .02);
}

/* Two stored editions, a word apart; the query is the second. Both pass. */
static void of_two_siblings_the_closer_wins(void **state)
{
    struct judgement judgements[2] = {judge(), judge()};
    struct verdict verdict;
    (void)state;
    for (size_t i = 500; i < 510; i++) {
        judgements[0].edition.second_error[i] += .1F;
    }
    judgements[1].alignment.bit_error_rate += .005;
    verdict_choose(&verdict, judgements, 2);
    assert_int_equal(verdict.kind, VERDICT_MATCHED);
    assert_int_equal(verdict.best, 1);
    /* ... and where each has its own place, it cannot be told */
    for (size_t i = 900; i < 910; i++) {
        judgements[1].edition.second_error[i] += .1F;
    }
    verdict_choose(&verdict, judgements, 2);
    assert_int_equal(verdict.kind, VERDICT_HELD);
    judgement_clear(&judgements[0]);
    judgement_clear(&judgements[1]);
}

/* The same recording on two releases: no doubt, one of them. */
static void twins_are_matched(void **state)
{
    struct judgement judgements[2] = {judge(), judge()};
    struct verdict verdict;
    (void)state;
    verdict_choose(&verdict, judgements, 2);
    assert_int_equal(verdict.kind, VERDICT_MATCHED);
    assert_int_equal(verdict.best, 0);
    assert_int_equal(verdict.runner_up, 1);
    /* ... unless the label says that they are two */
    judgements[0].advisory = ADVISORY_EXPLICIT;
    verdict_choose(&verdict, judgements, 2);
    assert_int_equal(verdict.kind, VERDICT_MATCHED);
    judgements[1].advisory = ADVISORY_CLEAN;
    verdict_choose(&verdict, judgements, 2);
    assert_int_equal(verdict.kind, VERDICT_HELD);
    judgement_clear(&judgements[0]);
    judgement_clear(&judgements[1]);
}

/* More places than are shown: the cut is said. */
static void many_differences_are_cut_and_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        for (size_t j = 0; j < 4; j++) {
            print.levels[50 + i * 70 + j] = 5;
        }
    }
    struct judgement judgement = judge();
    assert_int_equal(judgement.kind, VERDICT_OTHER_EDITION);
    assert_int_equal(judgement.difference_count, VERDICT_MAX_DIFFERENCES);
    assert_true(judgement.differences_cut);
    for (size_t i = 1; i < judgement.difference_count; i++) {
        assert_true(judgement.differences[i].start_ms >
                    judgement.differences[i - 1].end_ms);
    }
    judgement_clear(&judgement);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(a_transcode_is_matched),
        WITH_PAIR(other_music_is_unmatched),
        WITH_PAIR(noise_decides_between_matched_and_held),
        WITH_PAIR(a_spoiled_word_is_another_edition),
        WITH_PAIR(a_muted_word_is_another_edition),
        WITH_PAIR(a_cut_is_another_edition_with_the_place),
        WITH_PAIR(an_early_end_is_another_edition),
        WITH_PAIR(a_late_beginning_is_another_edition),
        WITH_PAIR(quiet_at_the_ends_makes_no_edition),
        WITH_PAIR(a_trimmed_beginning_is_forgiven_to_two_seconds),
        WITH_PAIR(equal_durations_do_not_hide_a_shift),
        WITH_PAIR(explicit_and_clean_never_match),
        WITH_PAIR(a_short_track_must_be_closer),
        cmocka_unit_test(no_judgement_is_unmatched),
        cmocka_unit_test(the_best_kind_wins_then_the_fewest_errors),
        WITH_PAIR(of_two_siblings_the_closer_wins),
        WITH_PAIR(twins_are_matched),
        WITH_PAIR(many_differences_are_cut_and_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
