/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: a sealed chunk has the bytes that FORMAT.md describes, opens to what
 * was sealed, segment by segment too, and to nothing else. */
#include "catalog/vault/seal.h"

#include "catalog/id.h"
#include "tests/support/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    uint8_t secret[SHA256_BYTES];
    uint8_t plain[CHUNKER_MAX_BYTES];
    uint8_t object[SEAL_MAX_OBJECT_BYTES];
    uint8_t opened[CHUNKER_MAX_BYTES];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    for (size_t i = 0; i < sizeof fixture->secret; i++) {
        fixture->secret[i] = (uint8_t)i;
    }
    pattern_fill(fixture->plain, sizeof fixture->plain, 1);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

/* What the format says, computed with Python's hashlib, hmac and cryptography
 * (AESGCM), not with this code. */
static void objects_have_the_bytes_of_the_format(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        uint32_t length_bytes;
        size_t object_bytes;
        const char *key;
        const char *name; /* SHA-256 of the object: covers every byte */
    } cases[] = {
        {1, 33, "d2ae5a489bfedc54d12de705c0e579a2",
         "83fdffab0368f785ebf3f00c856544e669684a23b6ec1a818cb5149c372c2750"},
        {16383, 16415, "595ee0713571c87d22105b2f12fccd95",
         "0de31122fd8bd49b23ca4c22e7acaaf4d9e01ef3c7b5776a60e8f0b486fa49fc"},
        {16384, 16416, "86b4a4c248f0aad4a3f134bfb80f310b",
         "9c83d89c2dd9d21167e3a60920861aafe76f036706256b62d2cd95d8e14df805"},
        {16385, 16433, "a6ebbf35497b14beb85d072b333fb02b",
         "d6380c90d071f85bae9df5e7572f94e7c2fbd9b97394ebcc7fe4bed0dda3b12e"},
        {65536, 65616, "9c332884ec39fe32cadb93305d50fc06",
         "270cc2870a211d0ebdccf9dd5d050cb8d3bb45bcef96f78cdc69ed9db9bd9979"},
        {100000, 100128, "533366cc7f36e4f551856bf39c8cd4a7",
         "436d022f6342d2196ad77ae9fb7f615dc9d251b72622bf8922f2ad3c355f4b06"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chunk_ref ref;
        char name[2 * SHA256_BYTES + 1];
        char key[2 * AES128_KEY_BYTES + 1];
        assert_int_equal(seal_object_bytes(cases[i].length_bytes),
                         cases[i].object_bytes);
        seal_chunk(fixture->object, &ref, fixture->secret, fixture->plain,
                   cases[i].length_bytes);
        assert_int_equal(ref.length_bytes, cases[i].length_bytes);
        hex_encode(name, ref.name, sizeof ref.name);
        hex_encode(key, ref.key, sizeof ref.key);
        assert_string_equal(key, cases[i].key);
        assert_string_equal(name, cases[i].name);
    }
}

static void smallest_object_is_as_written_by_hand(void **state)
{
    struct fixture *fixture = *state;
    struct chunk_ref ref;
    char bytes[2 * 33 + 1];
    seal_chunk(fixture->object, &ref, fixture->secret, (const uint8_t *)"a", 1);
    hex_encode(bytes, fixture->object, 33);
    assert_string_equal(bytes, "5246434b01010e000100000000000000"
                               "5cc14c7ec7a91b4bda4db2d453d333cded");
}

static void every_length_comes_back(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t lengths[] = {1,
                                       15,
                                       16,
                                       17,
                                       16383,
                                       16384,
                                       16385,
                                       32767,
                                       32768,
                                       32769,
                                       65535,
                                       65536,
                                       65537,
                                       262143,
                                       262144,
                                       262145,
                                       CHUNKER_MAX_BYTES - 16384,
                                       777777,
                                       999999,
                                       CHUNKER_MAX_BYTES - 1,
                                       CHUNKER_MAX_BYTES};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct chunk_ref ref;
        seal_chunk(fixture->object, &ref, fixture->secret, fixture->plain,
                   lengths[i]);
        memset(fixture->opened, 0xee, sizeof fixture->opened);
        assert_int_equal(seal_open_chunk(fixture->opened, &ref, fixture->object,
                                         seal_object_bytes(lengths[i]), NULL),
                         STATUS_OK);
        assert_memory_equal(fixture->opened, fixture->plain, lengths[i]);
        assert_int_equal(fixture->opened[lengths[i] - 1],
                         fixture->plain[lengths[i] - 1]);
    }
    assert_int_equal(seal_object_bytes(CHUNKER_MAX_BYTES),
                     SEAL_MAX_OBJECT_BYTES);
}

static void any_segment_opens_alone(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t length = 5 * SEAL_SEGMENT_BYTES + 77;
    struct chunk_ref ref;
    seal_chunk(fixture->object, &ref, fixture->secret, fixture->plain, length);
    struct crypto_gcm *gcm = crypto_gcm_new(ref.key, sizeof ref.key);
    assert_int_equal(seal_segment_count(length), 6);
    for (uint32_t i = 6; i > 0; i--) {
        uint32_t index = i - 1;
        size_t bytes = seal_segment_bytes(length, index);
        uint8_t *sealed = fixture->object + seal_segment_offset(index);
        assert_int_equal(bytes, index == 5 ? 77 : SEAL_SEGMENT_BYTES);
        assert_int_equal(seal_open_segment(gcm, fixture->opened, length, index,
                                           sealed, sealed + bytes, NULL),
                         STATUS_OK);
        assert_memory_equal(fixture->opened,
                            fixture->plain + (size_t)index * SEAL_SEGMENT_BYTES,
                            bytes);
    }
    crypto_gcm_free(gcm);
}

/* The same segments under another index, or as the last one of a shorter
 * chunk, must not open. */
static void segments_open_in_their_place_only(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t length = 3 * SEAL_SEGMENT_BYTES;
    struct chunk_ref ref;
    seal_chunk(fixture->object, &ref, fixture->secret, fixture->plain, length);
    struct crypto_gcm *gcm = crypto_gcm_new(ref.key, sizeof ref.key);
    for (uint32_t from = 0; from < 3; from++) {
        const uint8_t *sealed = fixture->object + seal_segment_offset(from);
        const uint8_t *tag = sealed + SEAL_SEGMENT_BYTES;
        for (uint32_t to = 0; to < 3; to++) {
            enum status expected = from == to ? STATUS_OK : STATUS_CORRUPT;
            assert_int_equal(seal_open_segment(gcm, fixture->opened, length, to,
                                               sealed, tag, NULL),
                             expected);
        }
        /* cut down to two segments, grown to four */
        assert_int_equal(seal_open_segment(gcm, fixture->opened,
                                           length - SEAL_SEGMENT_BYTES,
                                           from % 2, sealed, tag, NULL),
                         STATUS_CORRUPT);
        assert_int_equal(seal_open_segment(gcm, fixture->opened,
                                           length + SEAL_SEGMENT_BYTES, from,
                                           sealed, tag, NULL),
                         STATUS_CORRUPT);
    }
    crypto_gcm_free(gcm);
}

static void expect_refused(struct fixture *fixture, const struct chunk_ref *ref,
                           size_t object_length)
{
    struct error err = {0};
    assert_int_equal(seal_open_chunk(fixture->opened, ref, fixture->object,
                                     object_length, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.code, "chunk_corrupt");
}

/* With the name recomputed, so that header and tags alone must notice. */
static void every_flipped_bit_is_noticed_without_the_name(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t nothing[CHUNKER_MAX_BYTES];
    const uint32_t length = SEAL_SEGMENT_BYTES + 40;
    const size_t object_length = seal_object_bytes(length);
    struct chunk_ref ref;
    seal_chunk(fixture->object, &ref, fixture->secret, fixture->plain, length);
    /* all of the header, of the last segment and its tag; 500 elsewhere */
    const size_t header_bits = (size_t)8 * SEAL_HEADER_BYTES;
    const size_t last_bits = (size_t)8 * (40 + GCM_TAG_BYTES);
    uint64_t random = 7;
    for (size_t i = 0; i < header_bits + last_bits + 500; i++) {
        size_t bit = i;
        if (i >= header_bits + last_bits) {
            bit = pattern_below(&random, 8 * object_length);
        } else if (i >= header_bits) {
            bit = 8 * object_length - last_bits + i - header_bits;
        }
        uint8_t flip = (uint8_t)(1U << (bit % 8));
        fixture->object[bit / 8] ^= flip;
        crypto_sha256(ref.name, fixture->object, object_length);
        memset(fixture->opened, 0xee, length);
        expect_refused(fixture, &ref, object_length);
        assert_memory_equal(fixture->opened, nothing, length);
        fixture->object[bit / 8] ^= flip;
    }
}

static void the_name_is_checked(void **state)
{
    struct fixture *fixture = *state;
    struct chunk_ref ref;
    seal_chunk(fixture->object, &ref, fixture->secret, fixture->plain, 1000);
    ref.name[31] ^= 1;
    expect_refused(fixture, &ref, seal_object_bytes(1000));
}

static void other_lengths_are_refused(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t length = 2 * SEAL_SEGMENT_BYTES;
    struct chunk_ref ref;
    seal_chunk(fixture->object, &ref, fixture->secret, fixture->plain, length);
    for (size_t object_length = 0; object_length < seal_object_bytes(length);
         object_length += 1 + object_length / 3) {
        expect_refused(fixture, &ref, object_length);
    }
    expect_refused(fixture, &ref, seal_object_bytes(length) + 1);
}

/* Confirmation of a known song: without the region's secret neither name nor
 * key can be computed, with another secret both come out different. */
static void without_the_secret_nothing_is_recognised(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t no_secret[SHA256_BYTES];
    struct chunk_ref ours;
    struct chunk_ref again;
    struct chunk_ref guessed;
    seal_chunk(fixture->object, &ours, fixture->secret, fixture->plain, 70000);
    seal_chunk(fixture->object, &again, fixture->secret, fixture->plain, 70000);
    seal_chunk(fixture->object, &guessed, no_secret, fixture->plain, 70000);
    assert_memory_equal(ours.name, again.name, sizeof ours.name);
    assert_memory_equal(ours.key, again.key, sizeof ours.key);
    assert_memory_not_equal(ours.name, guessed.name, sizeof ours.name);
    assert_memory_not_equal(ours.key, guessed.key, sizeof ours.key);
    /* nor is the key a bare hash of the contents */
    uint8_t contents[SHA256_BYTES];
    crypto_sha256(contents, fixture->plain, 70000);
    assert_memory_not_equal(ours.key, contents, sizeof ours.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_have_the_bytes_of_the_format),
        cmocka_unit_test(smallest_object_is_as_written_by_hand),
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(any_segment_opens_alone),
        cmocka_unit_test(segments_open_in_their_place_only),
        cmocka_unit_test(every_flipped_bit_is_noticed_without_the_name),
        cmocka_unit_test(the_name_is_checked),
        cmocka_unit_test(other_lengths_are_refused),
        cmocka_unit_test(without_the_secret_nothing_is_recognised),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
