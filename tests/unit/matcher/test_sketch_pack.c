/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sketch.h"
#include "tests/support/pattern.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static void fill_channel(struct sketch_channel *channel, size_t frame_count,
                         uint64_t seed)
{
    uint64_t x = seed;

    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        channel->base_db[band] = (float)pattern_below(&x, 12001) / 100;
    }
    channel->cells = malloc(frame_count * SKETCH_FRAME_BYTES);
    assert_non_null(channel->cells);
    pattern_fill(channel->cells, frame_count * SKETCH_FRAME_BYTES, seed);
}

static struct sketch make(size_t frame_count, bool has_side)
{
    struct sketch sketch = {.frame_count = frame_count};

    fill_channel(&sketch.mid, frame_count, 1);
    if (has_side) {
        fill_channel(&sketch.side, frame_count, 2);
        sketch.side_db = -12.34F;
    }
    return sketch;
}

static void assert_same_channel(const struct sketch_channel *a,
                                const struct sketch_channel *b,
                                size_t frame_count)
{
    assert_int_equal(a->cells == NULL, b->cells == NULL);
    if (a->cells != NULL) {
        assert_memory_equal(a->base_db, b->base_db, sizeof a->base_db);
        assert_memory_equal(a->cells, b->cells,
                            frame_count * SKETCH_FRAME_BYTES);
    }
}

static void assert_same(const struct sketch *a, const struct sketch *b)
{
    assert_int_equal(a->frame_count, b->frame_count);
    assert_memory_equal(&a->side_db, &b->side_db, sizeof a->side_db);
    assert_same_channel(&a->mid, &b->mid, a->frame_count);
    assert_same_channel(&a->side, &b->side, a->frame_count);
}

static void unpacks_what_was_packed(void **state)
{
    static const size_t counts[] = {1, 2, 1292, SKETCH_MAX_FRAMES};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof counts / sizeof counts[0]; i++) {
        struct sketch sketch = make(counts[i / 2], i % 2 == 1);
        struct sketch again;
        struct buffer packed = {0};
        assert_int_equal(buffer_append(&packed, "key", 3, NULL), STATUS_OK);
        assert_int_equal(sketch_pack(&packed, &sketch, NULL), STATUS_OK);
        assert_memory_equal(packed.bytes, "key", 3);
        assert_int_equal(
            sketch_unpack(&again, packed.bytes + 3, packed.length - 3, NULL),
            STATUS_OK);
        assert_same(&sketch, &again);
        sketch_clear(&sketch);
        sketch_clear(&again);
        buffer_clear(&packed);
    }
}

/* One flipped bit: found, or of no consequence; never another sketch. */
static void never_takes_damage_for_a_sketch(void **state)
{
    struct sketch sketch = make(20, true);
    struct buffer packed = {0};
    (void)state;
    assert_int_equal(sketch_pack(&packed, &sketch, NULL), STATUS_OK);
    for (size_t bit = 0; bit < packed.length * 8; bit++) {
        struct sketch again;
        struct error err = {0};
        packed.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        enum status status =
            sketch_unpack(&again, packed.bytes, packed.length, &err);
        if (status == STATUS_OK) {
            assert_same(&sketch, &again);
            sketch_clear(&again);
        } else {
            assert_int_equal(status, STATUS_CORRUPT);
            assert_string_equal(err.code, "sketch_corrupt");
            assert_null(again.mid.cells);
            assert_null(again.side.cells);
        }
        packed.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    sketch_clear(&sketch);
    buffer_clear(&packed);
}

static void refuses_every_cut_and_every_addition(void **state)
{
    struct sketch sketch = make(30, false);
    struct sketch again;
    struct buffer packed = {0};
    (void)state;
    assert_int_equal(sketch_pack(&packed, &sketch, NULL), STATUS_OK);
    for (size_t length = 0; length < packed.length; length++) {
        assert_int_equal(sketch_unpack(&again, packed.bytes, length, NULL),
                         STATUS_CORRUPT);
    }
    assert_int_equal(buffer_append(&packed, "", 1, NULL), STATUS_OK);
    assert_int_equal(sketch_unpack(&again, packed.bytes, packed.length, NULL),
                     STATUS_CORRUPT);
    sketch_clear(&sketch);
    buffer_clear(&packed);
}

/* Four thousand millions of frames must cost nothing. */
static void believes_no_count(void **state)
{
    static const uint32_t counts[] = {
        0, 9, 11, SKETCH_MAX_FRAMES, SKETCH_MAX_FRAMES + 1, UINT32_MAX};
    struct sketch sketch = make(10, true);
    struct sketch again;
    struct buffer packed = {0};
    (void)state;
    assert_int_equal(sketch_pack(&packed, &sketch, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        store_u32le(packed.bytes + 8, counts[i]);
        assert_int_equal(
            sketch_unpack(&again, packed.bytes, packed.length, NULL),
            STATUS_CORRUPT);
    }
    store_u32le(packed.bytes + 8, 10);
    for (int channels = 0; channels < 256; channels++) {
        packed.bytes[5] = (uint8_t)channels;
        assert_int_equal(
            sketch_unpack(&again, packed.bytes, packed.length, NULL),
            channels == 2 ? STATUS_OK : STATUS_CORRUPT);
        sketch_clear(&again);
    }
    sketch_clear(&sketch);
    buffer_clear(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_what_was_packed),
        cmocka_unit_test(never_takes_damage_for_a_sketch),
        cmocka_unit_test(refuses_every_cut_and_every_addition),
        cmocka_unit_test(believes_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
