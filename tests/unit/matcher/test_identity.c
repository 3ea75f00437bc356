/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/identity.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/prints.h"

#include <math.h>

enum {
    ITEMS = 1500, /* 188 s */
};

/* A reference, and a query that starts as its copy with a codec's noise. */
static struct reference reference;
static struct fingerprint print;
static struct query query;

static int set_up(void **state)
{
    (void)state;
    reference = (struct reference){.print = prints_random(1, ITEMS)};
    reference.duration_ms = prints_duration_ms(&reference.print);
    print = prints_random(1, ITEMS);
    prints_spoil(&print, 0, ITEMS, .01);
    query =
        (struct query){.print = &print, .duration_ms = reference.duration_ms};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fingerprint_clear(&reference.print);
    fingerprint_clear(&print);
    return 0;
}

/* The query becomes this print. */
static void use(struct fingerprint other)
{
    fingerprint_clear(&print);
    print = other;
    query.duration_ms = prints_duration_ms(&print);
}

static struct identity judge(void)
{
    struct identity identity;
    assert_int_equal(identity_judge(&identity, &query, &reference, NULL),
                     STATUS_OK);
    return identity;
}

static void a_transcode_is_the_same(void **state)
{
    struct identity identity = judge();
    (void)state;
    assert_int_equal(identity.kind, IDENTITY_SAME);
    assert_true(identity.alignment.bit_error_rate < .011);
    assert_int_equal(identity.aligned_ms, query.duration_ms);
    assert_true(identity.timing.offset_samples == 0);
    assert_int_equal(identity.spans.reference_end_ms, query.duration_ms);
}

static void other_music_is_another(void **state)
{
    (void)state;
    use(prints_random(2, ITEMS));
    assert_int_equal(judge().kind, IDENTITY_NONE);
}

/* .05: no real transcode passes it; .15: no song does. */
static void noise_makes_it_far_then_another(void **state)
{
    (void)state;
    prints_spoil(&print, 0, ITEMS, .03);
    assert_int_equal(judge().kind, IDENTITY_SAME);
    prints_spoil(&print, 0, ITEMS, .04);
    assert_int_equal(judge().kind, IDENTITY_FAR);
    prints_spoil(&print, 0, ITEMS, .09);
    assert_int_equal(judge().kind, IDENTITY_NONE);
}

/* Where the query's items begin, and the lag, give the offset. */
static void a_trim_shows_in_the_offset(void **state)
{
    (void)state;
    use(prints_slice(&print, 100, ITEMS - 100));
    query.start_samples = 682;
    struct identity identity = judge();
    assert_int_equal(identity.kind, IDENTITY_SAME);
    assert_true(identity.timing.offset_samples == 682 - 100 * 1365);
    /* ... and on the query's clock the reference begins 12.3 s before it */
    assert_int_equal(identity.spans.reference_start_ms,
                     lround((682 - 100 * 1365) * 1000. / 11025));
}

static void quiet_at_the_ends_is_left_out_of_the_spans(void **state)
{
    (void)state;
    query.head_quiet_ms = 300;
    query.tail_quiet_ms = 5000;
    reference.print.head_quiet_ms = 200;
    reference.print.tail_quiet_ms = 4000;
    struct spans spans = judge().spans;
    assert_int_equal(spans.query_start_ms, 300);
    assert_int_equal(spans.query_end_ms, query.duration_ms - 5000);
    assert_int_equal(spans.reference_start_ms, 200);
    assert_int_equal(spans.reference_end_ms, reference.duration_ms - 4000);
}

/* A third of it, then other music. */
static void a_shared_beginning_is_a_part(void **state)
{
    struct fingerprint head = prints_slice(&print, 0, ITEMS / 3);
    struct fingerprint rest = prints_random(9, ITEMS - ITEMS / 3);
    (void)state;
    use(prints_join(&head, &rest));
    assert_int_equal(judge().kind, IDENTITY_PART);
    fingerprint_clear(&head);
    fingerprint_clear(&rest);
}

static void too_little_is_none(void **state)
{
    (void)state;
    use(prints_slice(&print, 700, 20)); /* 5 s */
    assert_int_equal(judge().kind, IDENTITY_NONE);
}

/* Levels lie between 60 and 76 dB: 36 dB is 40 dB under the loud tenth. */
static void silence_on_one_side_is_told(void **state)
{
    (void)state;
    assert_int_equal(judge().silent_hops, 0);
    for (size_t i = 500; i < 504; i++) {
        print.levels[i] = 0;
    }
    struct identity identity = judge();
    assert_int_equal(identity.silent_hops, 4);
    /* item 500's middle hop is the 511th */
    assert_int_equal(identity.silent_start_ms,
                     lround(511 * 1365 * 1000. / 11025));
    assert_int_equal(identity.silent_end_ms,
                     lround(515 * 1365 * 1000. / 11025));
    for (size_t i = 500; i < 504; i++) { /* on both, it is a rest */
        reference.print.levels[i] = 0;
    }
    assert_int_equal(judge().silent_hops, 0);
    for (size_t i = 500; i < 504; i++) { /* a bleep into a rest */
        print.levels[i] = 36;
    }
    assert_int_equal(judge().silent_hops, 4);
}

static void add(struct alignment *alignment, size_t item, size_t count,
                int32_t lag)
{
    alignment->segments[alignment->segment_count++] =
        (struct segment){item, count, lag};
}

/* Two hops in 1800: .11 %. */
static void a_slow_clock_shows_in_the_lags(void **state)
{
    struct alignment alignment = {0};
    (void)state;
    add(&alignment, 0, 450, 0);
    add(&alignment, 450, 900, 1);
    add(&alignment, 1350, 450, 2);
    double drift = identity_drift(&alignment);
    assert_true(fabs(drift - 2. / 1800) < .0003);
}

static void no_clock_is_seen_where_there_is_none(void **state)
{
    struct alignment one = {0};
    struct alignment cut = {0};
    (void)state;
    add(&one, 0, 1500, 7);
    assert_true(identity_drift(&one) == 0);
    add(&cut, 0, 700, 0);
    add(&cut, 700, 800, -160); /* 20 s are gone */
    assert_true(identity_drift(&cut) == 0);
    cut.segments[1].lag_items = -4; /* half a second */
    assert_true(identity_drift(&cut) == 0);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(a_transcode_is_the_same),
        WITH_PAIR(other_music_is_another),
        WITH_PAIR(noise_makes_it_far_then_another),
        WITH_PAIR(a_trim_shows_in_the_offset),
        WITH_PAIR(quiet_at_the_ends_is_left_out_of_the_spans),
        WITH_PAIR(a_shared_beginning_is_a_part),
        WITH_PAIR(too_little_is_none),
        WITH_PAIR(silence_on_one_side_is_told),
        cmocka_unit_test(a_slow_clock_shows_in_the_lags),
        cmocka_unit_test(no_clock_is_seen_where_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
