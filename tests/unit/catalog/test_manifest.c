/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: a manifest opens for its account and track and for no other, comes
 * back as it was, and hostile bytes are refused within bounds. */
#include "catalog/vault/manifest.h"

#include "catalog/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t ACCOUNT_KEY[AES256_KEY_BYTES] = {
    100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110,
    111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121,
    122, 123, 124, 125, 126, 127, 128, 129, 130, 131};
static const struct manifest_place PLACE = {
    .account_key = ACCOUNT_KEY, .account_id = "acc_1", .track_id = "trk_2"};

/* Made with Python's hmac and cryptography (AESGCM) from the table in
 * FORMAT.md: sound of 100000 bytes, tags of 5, heads of 9, secret version 7.
 */
static const char GOLDEN[] =
    "52464d4e02010000000102030405060708090a0bfd04fab7ff6826ece44c0ad47e685bc821"
    "2cba0e14d2594e35427154654d31bc16d2b3ff519ab83bb7e50e386c29bf13e2b0fb939615"
    "20935939c2d1350d150d64be4989c70a4a8d32cd2e49bee06f0f900afedfb2613bf037a1d8"
    "4b2058027cf317174bcd110d5c7a0de854792b1d36e4be08ed7909c4813b0a30a634c2bc87"
    "87a43c9ed6b3032c7433ff4db341d44903d735cfdceddf89776be06762112b28b969a12018"
    "9c4295b31df1e16b7c744b6e01d8dc8249bd5083d51dbd11a93e";
static const char GOLDEN_BODY[] =
    "a586010000000000030000000700000001a0860100000102030405060708090a0b0c0d0e0f"
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f0205000000"
    "101112131415161718191a1b1c1d1e1f404142434445464748494a4b4c4d4e4f5051525354"
    "55565758595a5b5c5d5e5f0309000000202122232425262728292a2b2c2d2e2f6061626364"
    "65666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f";
/* Version 1: two parts, of 100000 and 5 bytes. */
static const char UNSPLIT[] =
    "52464d4e01010000000102030405060708090a0bfd04fab7ff6826ece54c0ad47e685bc821"
    "2cba0e14d2594e35427154654d31bc16d2b3ff519ab83bb7e50e386c29bf13e2b0fb939615"
    "20935939c2d1350d150d64be4989c7094a8d32cd2e49bee06f0f900afedfb2613bf037a1d8"
    "4b2058027cf317174bcd110d5c7a0de854792b1d36e4be08ed7909c4813b0a63bb3194004f"
    "d7275e1bda3563382931";
enum {
    UNSPLIT_BYTES = (sizeof UNSPLIT - 1) / 2,
    GOLDEN_BYTES = (sizeof GOLDEN - 1) / 2,
    BODY_BYTES = (sizeof GOLDEN_BODY - 1) / 2,
};

static void fill(uint8_t *out, size_t length, uint8_t first)
{
    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)(first + i);
    }
}

/* Its first two parts, the second of any kind. */
static void make_two(struct manifest *out, enum part_kind second)
{
    struct chunk_ref chunk = {.length_bytes = 100000};
    *out = (struct manifest){.secret_version = 7};
    fill(chunk.key, sizeof chunk.key, 0);
    fill(chunk.name, sizeof chunk.name, 32);
    assert_int_equal(manifest_add(out, PART_SOUND, &chunk, NULL), STATUS_OK);
    chunk.length_bytes = 5;
    fill(chunk.key, sizeof chunk.key, 16);
    fill(chunk.name, sizeof chunk.name, 64);
    assert_int_equal(manifest_add(out, second, &chunk, NULL), STATUS_OK);
}

/* The manifest that GOLDEN holds. */
static void make_golden(struct manifest *out)
{
    struct chunk_ref chunk = {.length_bytes = 9};
    make_two(out, PART_TAGS);
    fill(chunk.key, sizeof chunk.key, 32);
    fill(chunk.name, sizeof chunk.name, 96);
    assert_int_equal(manifest_add(out, PART_HEADS, &chunk, NULL), STATUS_OK);
}

static void expect_equal(const struct manifest *got,
                         const struct manifest *expected)
{
    assert_int_equal(got->part_count, expected->part_count);
    assert_true(got->size_bytes == expected->size_bytes);
    assert_int_equal(got->heads_bytes, expected->heads_bytes);
    assert_int_equal(got->secret_version, expected->secret_version);
    for (size_t i = 0; i < got->part_count; i++) {
        const struct manifest_part *a = &got->parts[i];
        const struct manifest_part *b = &expected->parts[i];
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->chunk.length_bytes, b->chunk.length_bytes);
        assert_memory_equal(a->chunk.key, b->chunk.key, AES128_KEY_BYTES);
        assert_memory_equal(a->chunk.name, b->chunk.name, SHA256_BYTES);
    }
}

static void expect_refused(const void *sealed, size_t length,
                           const struct manifest_place *place)
{
    struct manifest opened;
    struct error err = {0};
    assert_int_equal(manifest_open(&opened, sealed, length, place, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.code, "manifest");
    assert_null(opened.parts);
    assert_int_equal(opened.part_count, 0);
}

static void opens_bytes_that_were_made_by_the_format_page(void **state)
{
    (void)state;
    uint8_t sealed[GOLDEN_BYTES];
    struct manifest expected;
    struct manifest opened;
    assert_true(hex_decode(sealed, sizeof sealed, GOLDEN));
    make_golden(&expected);
    assert_int_equal(
        manifest_open(&opened, sealed, sizeof sealed, &PLACE, NULL), STATUS_OK);
    expect_equal(&opened, &expected);
    manifest_clear(&opened);
    manifest_clear(&expected);
}

/* Of a file that was stored before tags and sound were told apart. */
static void opens_a_manifest_of_version_1(void **state)
{
    (void)state;
    uint8_t sealed[UNSPLIT_BYTES];
    struct manifest expected;
    struct manifest opened;
    assert_true(hex_decode(sealed, sizeof sealed, UNSPLIT));
    make_two(&expected, PART_SOUND);
    assert_int_equal(
        manifest_open(&opened, sealed, sizeof sealed, &PLACE, NULL), STATUS_OK);
    expect_equal(&opened, &expected);
    manifest_clear(&opened);
    manifest_clear(&expected);
    for (uint8_t version = 0; version < 5; version++) {
        sealed[4] = version;
        if (version != 1) {
            expect_refused(sealed, sizeof sealed, &PLACE);
        }
    }
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    struct manifest manifest;
    struct manifest opened;
    struct buffer sealed = {0};
    make_golden(&manifest);
    assert_int_equal(buffer_append(&sealed, "before", 6, NULL), STATUS_OK);
    assert_int_equal(manifest_seal(&sealed, &manifest, &PLACE, NULL),
                     STATUS_OK);
    assert_int_equal(sealed.length, 6 + GOLDEN_BYTES);
    assert_memory_equal(sealed.bytes, "before", 6);
    assert_int_equal(manifest_open(&opened, sealed.bytes + 6, sealed.length - 6,
                                   &PLACE, NULL),
                     STATUS_OK);
    expect_equal(&opened, &manifest);
    manifest_clear(&opened);
    manifest_clear(&manifest);
    buffer_clear(&sealed);
}

static void an_empty_file_has_an_empty_manifest(void **state)
{
    (void)state;
    struct manifest manifest = {.secret_version = 1};
    struct manifest opened;
    struct buffer sealed = {0};
    assert_int_equal(manifest_seal(&sealed, &manifest, &PLACE, NULL),
                     STATUS_OK);
    assert_int_equal(
        manifest_open(&opened, sealed.bytes, sealed.length, &PLACE, NULL),
        STATUS_OK);
    assert_int_equal(opened.part_count, 0);
    assert_true(opened.size_bytes == 0);
    manifest_clear(&opened);
    buffer_clear(&sealed);
}

/* A random nonce: equal manifests do not look alike, nor show their keys. */
static void sealing_twice_gives_different_bytes(void **state)
{
    (void)state;
    struct manifest manifest;
    struct buffer one = {0};
    struct buffer other = {0};
    make_golden(&manifest);
    assert_int_equal(manifest_seal(&one, &manifest, &PLACE, NULL), STATUS_OK);
    assert_int_equal(manifest_seal(&other, &manifest, &PLACE, NULL), STATUS_OK);
    assert_int_equal(one.length, other.length);
    assert_memory_not_equal(one.bytes + 8, other.bytes + 8, GCM_NONCE_BYTES);
    assert_memory_not_equal(one.bytes + 20, other.bytes + 20, one.length - 20);
    for (size_t i = 0; i < manifest.part_count; i++) {
        assert_null(memmem(one.bytes, one.length, manifest.parts[i].chunk.key,
                           AES128_KEY_BYTES));
        assert_null(memmem(one.bytes, one.length, manifest.parts[i].chunk.name,
                           AES128_KEY_BYTES));
    }
    manifest_clear(&manifest);
    buffer_clear(&one);
    buffer_clear(&other);
}

static void opens_in_its_place_only(void **state)
{
    (void)state;
    uint8_t sealed[GOLDEN_BYTES];
    uint8_t other_key[AES256_KEY_BYTES];
    assert_true(hex_decode(sealed, sizeof sealed, GOLDEN));
    fill(other_key, sizeof other_key, 101);
    const struct manifest_place others[] = {
        {other_key, "acc_1", "trk_2"},    {ACCOUNT_KEY, "acc_2", "trk_2"},
        {ACCOUNT_KEY, "acc_1", "trk_1"},  {ACCOUNT_KEY, "trk_2", "acc_1"},
        {ACCOUNT_KEY, "acc_1t", "rk_2"},  {ACCOUNT_KEY, "acc_", "1trk_2"},
        {ACCOUNT_KEY, "acc_1", "trk_2x"}, {ACCOUNT_KEY, "acc_1", ""}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        expect_refused(sealed, sizeof sealed, &others[i]);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    uint8_t sealed[GOLDEN_BYTES];
    assert_true(hex_decode(sealed, sizeof sealed, GOLDEN));
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        uint8_t flip = (uint8_t)(1U << (bit % 8));
        sealed[bit / 8] ^= flip;
        expect_refused(sealed, sizeof sealed, &PLACE);
        sealed[bit / 8] ^= flip;
    }
}

static void every_other_length_is_refused(void **state)
{
    (void)state;
    uint8_t sealed[GOLDEN_BYTES + 1] = {0};
    assert_true(hex_decode(sealed, GOLDEN_BYTES, GOLDEN));
    for (size_t length = 0; length <= sizeof sealed; length++) {
        if (length != GOLDEN_BYTES) {
            expect_refused(sealed, length, &PLACE);
        }
    }
}

static void expect_body_refused(const uint8_t *body, size_t length)
{
    struct manifest parsed;
    struct error err = {0};
    assert_int_equal(manifest_parse(&parsed, body, length, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.code, "manifest");
    assert_null(parsed.parts);
}

/* Bytes that verify may still be wrong: a bug of a later version's, say. */
static void impossible_bodies_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint8_t byte;
    } changes[] = {
        {0, 0xa4},  /* the size is less than the sum */
        {7, 0x80},  /* a size past every bound */
        {8, 2},     /* fewer parts than bytes */
        {8, 4},     /* more parts than bytes */
        {11, 0xff}, /* far more */
        {13, 1},    /* secret version 263 */
        {16, 0},    /* part of kind 0 */
        {16, 4},    /* of kind 4 */
        {16, 3},    /* heads before the file's bytes */
        {122, 2},   /* heads that count as the file's */
        {19, 0xff}, /* chunk over 1 MiB */
        {70, 0},    /* chunk of no bytes */
    };
    uint8_t good[BODY_BYTES];
    struct manifest parsed;
    assert_true(hex_decode(good, sizeof good, GOLDEN_BODY));
    assert_int_equal(manifest_parse(&parsed, good, sizeof good, NULL),
                     STATUS_OK);
    manifest_clear(&parsed);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint8_t body[BODY_BYTES];
        memcpy(body, good, sizeof body);
        assert_int_not_equal(body[changes[i].offset], changes[i].byte);
        body[changes[i].offset] = changes[i].byte;
        expect_body_refused(body, sizeof body);
    }
    for (size_t length = 0; length < sizeof good; length++) {
        expect_body_refused(good, length);
    }
    good[0]++; /* one byte of heads: only the list can tell that it is wrong */
    assert_int_equal(manifest_parse(&parsed, good, sizeof good, NULL),
                     STATUS_OK);
    assert_int_equal(parsed.size_bytes, parsed.parts_bytes + 1);
    manifest_clear(&parsed);
    good[8] = 2; /* and without a list */
    expect_body_refused(good, sizeof good - MANIFEST_PART_BYTES);
}

static void add_chunks(struct manifest *manifest, enum part_kind kind,
                       size_t count, uint32_t length_bytes)
{
    struct chunk_ref chunk = {.length_bytes = length_bytes};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(manifest_add(manifest, kind, &chunk, NULL), STATUS_OK);
    }
}

static void expect_full(struct manifest *manifest, enum part_kind kind)
{
    struct chunk_ref chunk = {.length_bytes = 1};
    struct error err = {0};
    assert_int_equal(manifest_add(manifest, kind, &chunk, &err), STATUS_LIMIT);
    assert_string_equal(err.code, "too_large");
}

/* In the smallest chunks, with as many spans as there may be, the last chunk of
 * each of one byte, and with the longest list of heads. */
static void the_largest_file_fits_and_one_byte_more_does_not(void **state)
{
    (void)state;
    struct manifest manifest = {0};
    const size_t list_chunks = HEADS_MAX_BYTES / CHUNKER_MIN_BYTES;
    add_chunks(&manifest, PART_SOUND, (1 << 16) - 1, CHUNKER_MIN_BYTES);
    add_chunks(&manifest, PART_TAGS, ESSENCE_MAX_SPANS - 1, 1);
    add_chunks(&manifest, PART_SOUND, 1,
               CHUNKER_MIN_BYTES - (ESSENCE_MAX_SPANS - 1));
    assert_true(manifest.size_bytes == MANIFEST_MAX_FILE_BYTES);
    expect_full(&manifest, PART_SOUND);
    add_chunks(&manifest, PART_HEADS, list_chunks, CHUNKER_MIN_BYTES);
    assert_int_equal(manifest.heads_bytes, HEADS_MAX_BYTES);
    expect_full(&manifest, PART_HEADS);

    struct buffer sealed = {0};
    struct manifest opened;
    size_t count = manifest.part_count;
    assert_true(count <= MANIFEST_MAX_PARTS);
    assert_int_equal(manifest_seal(&sealed, &manifest, &PLACE, NULL),
                     STATUS_OK);
    assert_true(sealed.length <= MANIFEST_MAX_SEALED_BYTES);
    assert_int_equal(
        manifest_open(&opened, sealed.bytes, sealed.length, &PLACE, NULL),
        STATUS_OK);
    assert_int_equal(opened.part_count, count);
    manifest_clear(&opened);
    manifest_clear(&manifest);
    buffer_clear(&sealed);

    /* by parts, with few bytes */
    add_chunks(&manifest, PART_TAGS, MANIFEST_MAX_PARTS, 1);
    expect_full(&manifest, PART_TAGS);
    manifest_clear(&manifest);
    /* by bytes, with few parts */
    add_chunks(&manifest, PART_SOUND,
               MANIFEST_MAX_FILE_BYTES / CHUNKER_MAX_BYTES, CHUNKER_MAX_BYTES);
    expect_full(&manifest, PART_SOUND);
    manifest_clear(&manifest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_bytes_that_were_made_by_the_format_page),
        cmocka_unit_test(opens_a_manifest_of_version_1),
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(an_empty_file_has_an_empty_manifest),
        cmocka_unit_test(sealing_twice_gives_different_bytes),
        cmocka_unit_test(opens_in_its_place_only),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_other_length_is_refused),
        cmocka_unit_test(impossible_bodies_are_refused),
        cmocka_unit_test(the_largest_file_fits_and_one_byte_more_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
