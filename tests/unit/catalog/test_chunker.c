/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: files are cut where chunker.h says, within its bounds, and a change in
 * a file changes the chunks around it only. */
#include "catalog/vault/chunker.h"

#include "tests/support/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((size_t)1024 * 1024)
enum { FILE_BYTES = 6 * MIB, MAX_CUTS = 256 };

struct fixture {
    struct chunker_gear gear;
    uint8_t file[FILE_BYTES];
    uint8_t edited[FILE_BYTES + 4096];
};

/* Lengths of all chunks of a file; returns how many. */
static size_t cut_all(const struct chunker_gear *gear, const uint8_t *bytes,
                      size_t length, size_t out[MAX_CUTS])
{
    size_t count = 0;
    size_t at = 0;
    while (at < length) {
        assert_true(count < MAX_CUTS);
        out[count] = chunker_cut(gear, bytes + at, length - at);
        assert_true(out[count] >= 1);
        at += out[count];
        count++;
    }
    assert_int_equal(at, length); /* together they are the file */
    return count;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    uint8_t secret[SHA256_BYTES];
    for (size_t i = 0; i < sizeof secret; i++) {
        secret[i] = (uint8_t)i;
    }
    chunker_gear_init(&fixture->gear, secret);
    pattern_fill(fixture->file, sizeof fixture->file, 1);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

/* The expected values come from a transcription of the formulas in chunker.h
 * into Python (hmac, hashlib and whole numbers), not from this code. */
static void gear_and_cuts_follow_the_formula(void **state)
{
    const struct fixture *fixture = *state;
    static const size_t expected[] = {
        270266, 276509, 75813,  267617, 275521, 279269, 312010, 341451,
        403053, 274647, 294734, 339887, 323302, 223585, 306044, 333230,
        305829, 83548,  151701, 245165, 270364, 116849, 521062};
    size_t cuts[MAX_CUTS];
    assert_true(fixture->gear.values[0] == UINT64_C(0x369fcd79d23f1276));
    assert_true(fixture->gear.values[255] == UINT64_C(0xd38c84d09e596340));
    size_t count =
        cut_all(&fixture->gear, fixture->file, sizeof fixture->file, cuts);
    assert_int_equal(count, sizeof expected / sizeof expected[0]);
    assert_memory_equal(cuts, expected, sizeof expected);
}

static void chunks_keep_to_their_bounds(void **state)
{
    const struct fixture *fixture = *state;
    size_t cuts[MAX_CUTS];
    size_t count =
        cut_all(&fixture->gear, fixture->file, sizeof fixture->file, cuts);
    for (size_t i = 0; i < count; i++) {
        assert_true(cuts[i] <= CHUNKER_MAX_BYTES);
        assert_true(i + 1 == count || cuts[i] >= CHUNKER_MIN_BYTES);
    }
}

static void short_files_are_one_chunk(void **state)
{
    const struct fixture *fixture = *state;
    static const size_t lengths[] = {
        1, 2, 63, 64, 65, 16384, CHUNKER_MIN_BYTES - 1, CHUNKER_MIN_BYTES};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(chunker_cut(&fixture->gear, fixture->file, lengths[i]),
                         lengths[i]);
    }
}

/* Silence: the same byte for ever never looks like a cut, or always does. */
static void equal_bytes_still_keep_to_the_bounds(void **state)
{
    struct fixture *fixture = *state;
    for (int byte = 0; byte < 256; byte += 15) {
        memset(fixture->edited, byte, 2 * MIB);
        size_t length = chunker_cut(&fixture->gear, fixture->edited, 2 * MIB);
        assert_in_range(length, CHUNKER_MIN_BYTES, CHUNKER_MAX_BYTES);
    }
}

/* Zeroes, in which there is no cut (see the first line of the test below), but
 * the 64 bytes at `window` just before the end of `length`. */
static size_t cut_with_window(struct fixture *fixture, const uint8_t *window,
                              size_t length)
{
    memset(fixture->edited, 0, 2 * MIB);
    memcpy(fixture->edited + length - 64, window, 64);
    return chunker_cut(&fixture->gear, fixture->edited, 2 * MIB);
}

/* Which 64 bytes make a cut depends on how long the chunk is: those behind
 * which the third chunk ends (75813 bytes, so 20 bits are zero) everywhere over
 * the minimum; those behind which the first ends (270266 bytes, 16 bits) only
 * past the normal length. */
static void bounds_hold_to_the_byte(void **state)
{
    struct fixture *fixture = *state;
    const uint8_t *strict = fixture->file + 270266 + 276509 + 75813 - 64;
    const uint8_t *loose = fixture->file + 270266 - 64;
    const size_t min = CHUNKER_MIN_BYTES;
    const size_t normal = CHUNKER_NORMAL_BYTES;
    const size_t max = CHUNKER_MAX_BYTES;
    assert_int_equal(cut_with_window(fixture, loose, 64), max);
    assert_int_equal(cut_with_window(fixture, strict, min), max);
    assert_int_equal(cut_with_window(fixture, strict, min + 1), min + 1);
    assert_int_equal(cut_with_window(fixture, strict, normal), normal);
    assert_int_equal(cut_with_window(fixture, strict, normal + 1), normal + 1);
    assert_int_equal(cut_with_window(fixture, loose, normal), max);
    assert_int_equal(cut_with_window(fixture, loose, normal + 1), normal + 1);
    assert_int_equal(cut_with_window(fixture, loose, max - 1), max - 1);
    assert_int_equal(cut_with_window(fixture, loose, max + 1), max);
}

static void what_comes_after_the_longest_chunk_does_not_matter(void **state)
{
    struct fixture *fixture = *state;
    memcpy(fixture->edited, fixture->file, sizeof fixture->file);
    memset(fixture->edited + CHUNKER_MAX_BYTES, 0x55, MIB);
    assert_int_equal(
        chunker_cut(&fixture->gear, fixture->file, sizeof fixture->file),
        chunker_cut(&fixture->gear, fixture->edited, CHUNKER_MAX_BYTES));
}

/* Is there a chunk that ends `from_end` bytes before the end of its file? */
static bool has_cut_before_end(const size_t *cuts, size_t count,
                               size_t from_end)
{
    size_t left = 0;
    for (size_t i = count; i > 0; i--) {
        if (left == from_end) {
            return true;
        }
        left += cuts[i - 1];
    }
    return left == from_end;
}

struct agreement {
    size_t behind; /* chunks of the old file wholly behind the place */
    size_t common; /* of these, from the end on, still cut the same */
};

static struct agreement compare_behind(const size_t *before,
                                       size_t before_count, const size_t *after,
                                       size_t after_count, size_t behind_bytes)
{
    struct agreement result = {0};
    size_t from_end = 0;
    for (size_t i = before_count; i > 0; i--) {
        from_end += before[i - 1];
        if (from_end > behind_bytes) {
            break;
        }
        if (result.common == result.behind &&
            has_cut_before_end(after, after_count, from_end)) {
            result.common++;
        }
        result.behind++;
    }
    return result;
}

/* Bytes put in at many places: soon after each the cuts are the old ones. The
 * first cut after the place may move, and where a bound had decided so may the
 * next ones: five chunks are far more than any case here needs and far fewer
 * than there are. */
static void cuts_come_back_after_an_insertion(void **state)
{
    struct fixture *fixture = *state;
    size_t before[MAX_CUTS];
    size_t after[MAX_CUTS];
    size_t before_count =
        cut_all(&fixture->gear, fixture->file, sizeof fixture->file, before);
    for (size_t place = 0; place < sizeof fixture->file - 3 * MIB;
         place += 333333) {
        size_t extra = 1 + place % 4096;
        size_t behind_bytes = sizeof fixture->file - place;
        memcpy(fixture->edited, fixture->file, place);
        pattern_fill(fixture->edited + place, extra, 99);
        memcpy(fixture->edited + place + extra, fixture->file + place,
               behind_bytes);
        size_t after_count = cut_all(&fixture->gear, fixture->edited,
                                     sizeof fixture->file + extra, after);
        struct agreement found = compare_behind(before, before_count, after,
                                                after_count, behind_bytes);
        assert_true(found.common + 5 >= found.behind);
        assert_true(found.behind >= 9); /* else this proves nothing */
    }
}

static void another_secret_cuts_elsewhere(void **state)
{
    const struct fixture *fixture = *state;
    static const uint8_t secret[SHA256_BYTES] = {42};
    struct chunker_gear other;
    chunker_gear_init(&other, secret);
    size_t ours[MAX_CUTS];
    size_t theirs[MAX_CUTS];
    size_t our_count =
        cut_all(&fixture->gear, fixture->file, sizeof fixture->file, ours);
    size_t their_count =
        cut_all(&other, fixture->file, sizeof fixture->file, theirs);
    for (size_t i = 0; i + 1 < our_count; i++) {
        for (size_t j = 0; j + 1 < their_count; j++) {
            assert_int_not_equal(ours[i], theirs[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gear_and_cuts_follow_the_formula),
        cmocka_unit_test(chunks_keep_to_their_bounds),
        cmocka_unit_test(short_files_are_one_chunk),
        cmocka_unit_test(equal_bytes_still_keep_to_the_bounds),
        cmocka_unit_test(bounds_hold_to_the_byte),
        cmocka_unit_test(what_comes_after_the_longest_chunk_does_not_matter),
        cmocka_unit_test(cuts_come_back_after_an_insertion),
        cmocka_unit_test(another_secret_cuts_elsewhere),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
