/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/verdict.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <stdlib.h>

enum { FRAMES = 3000 };

static struct judgement judgement_of(enum verdict_kind kind, double rate)
{
    struct judgement judgement = {.kind = kind};
    judgement.identity.alignment.bit_error_rate = rate;
    judgement.identity.alignment.telling_items = 1000;
    return judgement;
}

/* A match that was compared: half a dB everywhere. judgement_clear() it. */
static struct judgement match_of(double rate)
{
    struct judgement judgement = judgement_of(VERDICT_MATCHED, rate);
    struct sketch_channel_errors *mid = &judgement.errors.mid;

    mid->error_db = malloc(FRAMES * sizeof *mid->error_db);
    assert_non_null(mid->error_db);
    for (size_t i = 0; i < FRAMES; i++) {
        mid->error_db[i] = .5F;
    }
    mid->median_db = .5F;
    mid->score = 1.2;
    judgement.errors.frame_count = FRAMES;
    return judgement;
}

static void spoil(struct judgement *judgement, size_t frame, float more_db)
{
    for (size_t i = 0; i < 15; i++) {
        judgement->errors.mid.error_db[frame + i] += more_db;
    }
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
    struct judgement judgements[2] = {match_of(.010), match_of(.015)};
    struct verdict verdict;
    (void)state;
    spoil(&judgements[0], 500, 1);
    verdict_choose(&verdict, judgements, 2);
    assert_int_equal(verdict.kind, VERDICT_MATCHED);
    assert_int_equal(verdict.best, 1);
    /* ... and where each has its own place, it cannot be told */
    spoil(&judgements[1], 900, 1);
    verdict_choose(&verdict, judgements, 2);
    assert_int_equal(verdict.kind, VERDICT_HELD);
    assert_int_equal(verdict.cause, CAUSE_SIBLINGS);
    judgement_clear(&judgements[0]);
    judgement_clear(&judgements[1]);
}

/* The second edition begins 1 s (of silence) later, on a slower clock: places
 * are the query's. Both have the same odd place there: none is closer. */
static void siblings_are_compared_at_the_same_moment(void **state)
{
    struct judgement judgements[2] = {match_of(.010), match_of(.015)};
    struct verdict verdict;
    (void)state;
    judgements[1].timing =
        (struct timing){.offset_samples = -11025, .drift = .001};
    spoil(&judgements[0], 1000, 1);
    spoil(&judgements[1], 1021, 1); /* (1000 x 512 + 11025) / 1.001 / 512 */
    verdict_choose(&verdict, judgements, 2);
    assert_int_equal(verdict.kind, VERDICT_MATCHED);
    assert_int_equal(verdict.best, 0);
    judgement_clear(&judgements[0]);
    judgement_clear(&judgements[1]);
}

/* The same recording on two releases: no doubt, one of them. */
static void twins_are_matched(void **state)
{
    struct judgement judgements[2] = {match_of(.010), match_of(.015)};
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

static void evidence_is_that_of_the_chosen(void **state)
{
    struct judgement judgement = match_of(.02);
    struct verdict verdict;
    (void)state;
    judgement.timing = (struct timing){.offset_samples = 11025, .drift = 5e-5};
    judgement.identity.aligned_ms = 1234;
    verdict_choose(&verdict, &judgement, 1);
    assert_true(verdict.sketch_score == 1.2);
    assert_true(verdict.side_score == 0);
    assert_int_equal(verdict.offset_ms, 1000);
    assert_int_equal(verdict.aligned_ms, 1234);
    assert_true(verdict.drift_ppm > 49.9 && verdict.drift_ppm < 50.1);
    judgement_clear(&judgement);
}

static void every_cause_has_its_word(void **state)
{
    (void)state;
    assert_string_equal(verdict_cause_word(CAUSE_NONE), "");
    for (int a = CAUSE_STRUCTURE; a <= CAUSE_UNAVAILABLE; a++) {
        assert_true(verdict_cause_word((enum verdict_cause)a)[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_judgement_is_unmatched),
        cmocka_unit_test(the_best_kind_wins_then_the_fewest_errors),
        cmocka_unit_test(of_two_siblings_the_closer_wins),
        cmocka_unit_test(siblings_are_compared_at_the_same_moment),
        cmocka_unit_test(twins_are_matched),
        cmocka_unit_test(evidence_is_that_of_the_chosen),
        cmocka_unit_test(every_cause_has_its_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
