/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: whatever happens to the files of the store, no wrong byte is handed
 * out, and the reader says what is the matter. */
#include "tests/support/pattern.h"
#include "tests/support/vault.h"

#include "catalog/vault/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SONG_BYTES = 1200000, STEP_BYTES = 40000 };

struct fixture {
    struct test_vault tv;
    struct buffer manifest;
    struct test_objects objects;
    uint8_t song[SONG_BYTES];
    uint8_t back[SONG_BYTES];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    test_vault_open(&fixture->tv);
    pattern_fill(fixture->song, sizeof fixture->song, 5);
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, SONG_BYTES,
                   &fixture->manifest);
    test_objects_list(&fixture->objects, fixture->tv.folder);
    assert_true(fixture->objects.count >= 2);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    test_objects_clear(&fixture->objects);
    buffer_clear(&fixture->manifest);
    test_vault_close(&fixture->tv);
    free(fixture);
    return 0;
}

/* Reads the song in steps: each gives its slice, or fails with `code` and
 * leaves nothing behind. Returns how many failed. */
static size_t read_in_steps(struct fixture *fixture, enum status expected,
                            const char *code)
{
    static const uint8_t nothing[STEP_BYTES];
    size_t failures = 0;
    struct vault_reader *reader =
        test_vault_reader(&fixture->tv, &TEST_OWNER, &fixture->manifest);
    for (size_t at = 0; at < SONG_BYTES; at += STEP_BYTES) {
        size_t wanted =
            SONG_BYTES - at < STEP_BYTES ? SONG_BYTES - at : STEP_BYTES;
        size_t got = SIZE_MAX;
        struct error err = {0};
        memset(fixture->back, 0xee, wanted);
        enum status status =
            vault_read(reader, at, fixture->back, STEP_BYTES, &got, &err);
        if (status == STATUS_OK) {
            assert_int_equal(got, wanted);
            assert_memory_equal(fixture->back, fixture->song + at, wanted);
            continue;
        }
        failures++;
        assert_int_equal(status, expected);
        assert_string_equal(err.code, code);
        assert_int_equal(got, 0);
        assert_memory_equal(fixture->back, nothing, wanted);
    }
    vault_reader_close(reader);
    return failures;
}

static void flip(const char *path, size_t bit)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)(bit / 8), SEEK_SET), 0);
    int byte = fgetc(file);
    assert_true(byte != EOF);
    assert_int_equal(fseek(file, (long)(bit / 8), SEEK_SET), 0);
    assert_true(fputc(byte ^ (1 << (bit % 8)), file) != EOF);
    assert_int_equal(fclose(file), 0);
}

static size_t file_bytes(const char *path)
{
    size_t length = 0;
    free(test_read_file(path, &length));
    return length;
}

/* Every bit of the header, every bit of the last tag, 300 anywhere. */
static void every_flipped_bit_is_found(void **state)
{
    struct fixture *fixture = *state;
    const char *path = fixture->objects.paths[0];
    const size_t bits = 8 * file_bytes(path);
    const size_t header_bits = (size_t)8 * SEAL_HEADER_BYTES;
    const size_t tag_bits = (size_t)8 * GCM_TAG_BYTES;
    uint64_t random = 3;
    for (size_t i = 0; i < header_bits + tag_bits + 300; i++) {
        size_t bit = i;
        if (i >= header_bits + tag_bits) {
            bit = pattern_below(&random, bits);
        } else if (i >= header_bits) {
            bit = bits - tag_bits + i - header_bits;
        }
        flip(path, bit);
        size_t failures =
            read_in_steps(fixture, STATUS_CORRUPT, "chunk_corrupt");
        assert_true(failures >= 1);
        /* behind the header one segment is lost and nothing else: the
         * reads that touch it are two at most */
        assert_true(bit < header_bits || failures <= 2);
        flip(path, bit);
    }
    assert_int_equal(read_in_steps(fixture, STATUS_CORRUPT, ""), 0);
}

static void a_truncated_or_grown_object_is_found(void **state)
{
    struct fixture *fixture = *state;
    const char *path = fixture->objects.paths[0];
    size_t length = 0;
    uint8_t *object = test_read_file(path, &length);
    const size_t lengths[] = {0,     1,     15,         16,        17,
                              16400, 16416, length / 2, length - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        test_write_file(path, object, lengths[i]);
        assert_true(read_in_steps(fixture, STATUS_CORRUPT, "chunk_corrupt") >=
                    1);
    }
    object[length] = 0;
    test_write_file(path, object, length + 1);
    assert_true(read_in_steps(fixture, STATUS_CORRUPT, "chunk_corrupt") >= 1);
    test_write_file(path, object, length);
    assert_int_equal(read_in_steps(fixture, STATUS_CORRUPT, ""), 0);
    free(object);
}

static void an_object_cut_while_it_is_read_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct vault_reader *reader =
        test_vault_reader(&fixture->tv, &TEST_OWNER, &fixture->manifest);
    size_t got = 0;
    struct error err = {0};
    assert_int_equal(vault_read(reader, 0, fixture->back, 100, &got, NULL),
                     STATUS_OK);
    for (size_t i = 0; i < fixture->objects.count; i++) {
        assert_int_equal(truncate(fixture->objects.paths[i], 20000), 0);
    }
    assert_int_equal(vault_read(reader, 16384, fixture->back, 100, &got, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.code, "chunk_corrupt");
    vault_reader_close(reader);
}

static void two_swapped_objects_are_found(void **state)
{
    struct fixture *fixture = *state;
    char aside[PATH_MAX + 8];
    const char *one = fixture->objects.paths[0];
    const char *other = fixture->objects.paths[1];
    (void)snprintf(aside, sizeof aside, "%s/aside", fixture->tv.root);
    assert_int_equal(rename(one, aside), 0);
    assert_int_equal(rename(other, one), 0);
    assert_int_equal(rename(aside, other), 0);
    assert_true(read_in_steps(fixture, STATUS_CORRUPT, "chunk_corrupt") >= 2);
}

/* Equal lengths, so that only the tags can tell. */
static void two_swapped_objects_of_equal_length_are_found(void **state)
{
    struct fixture *fixture = *state;
    struct buffer one = {0};
    struct buffer other = {0};
    struct test_vault *tv = &fixture->tv;
    struct vault_reader *reader = NULL;
    struct error err = {0};
    char aside[PATH_MAX + 8];
    for (size_t i = 0; i < fixture->objects.count; i++) {
        assert_int_equal(unlink(fixture->objects.paths[i]), 0);
    }
    test_vault_put(tv, &TEST_OWNER, fixture->song, 50000, &one);
    test_vault_put(tv, &TEST_OWNER, fixture->song + 50000, 50000, &other);
    test_objects_clear(&fixture->objects);
    test_objects_list(&fixture->objects, tv->folder);
    assert_int_equal(fixture->objects.count, 2);
    (void)snprintf(aside, sizeof aside, "%s/aside", tv->root);
    assert_int_equal(rename(fixture->objects.paths[0], aside), 0);
    assert_int_equal(
        rename(fixture->objects.paths[1], fixture->objects.paths[0]), 0);
    assert_int_equal(rename(aside, fixture->objects.paths[1]), 0);
    reader = test_vault_reader(tv, &TEST_OWNER, &one);
    for (size_t at = 0; at < 50000; at += 1000) {
        size_t got = 0;
        assert_int_equal(
            vault_read(reader, at, fixture->back, 1000, &got, &err),
            STATUS_CORRUPT);
        assert_string_equal(err.code, "chunk_corrupt");
    }
    vault_reader_close(reader);
    buffer_clear(&one);
    buffer_clear(&other);
}

static void a_missing_object_is_named_so(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(unlink(fixture->objects.paths[1]), 0);
    assert_true(read_in_steps(fixture, STATUS_UNAVAILABLE, "chunk_missing") >=
                1);
}

/* What was wrong can be put right while a reader is open. */
static void a_reader_goes_on_when_the_object_is_back(void **state)
{
    struct fixture *fixture = *state;
    struct vault_reader *reader =
        test_vault_reader(&fixture->tv, &TEST_OWNER, &fixture->manifest);
    size_t got = 0;
    for (size_t i = 0; i < fixture->objects.count; i++) {
        char aside[PATH_MAX + 8];
        (void)snprintf(aside, sizeof aside, "%s.x", fixture->objects.paths[i]);
        assert_int_equal(rename(fixture->objects.paths[i], aside), 0);
    }
    assert_int_equal(
        vault_read(reader, 0, fixture->back, SONG_BYTES, &got, NULL),
        STATUS_UNAVAILABLE);
    for (size_t i = 0; i < fixture->objects.count; i++) {
        char aside[PATH_MAX + 8];
        (void)snprintf(aside, sizeof aside, "%s.x", fixture->objects.paths[i]);
        assert_int_equal(rename(aside, fixture->objects.paths[i]), 0);
    }
    assert_int_equal(
        vault_read(reader, 0, fixture->back, SONG_BYTES, &got, NULL),
        STATUS_OK);
    assert_memory_equal(fixture->back, fixture->song, SONG_BYTES);
    vault_reader_close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_flipped_bit_is_found),
        TEST(a_truncated_or_grown_object_is_found),
        TEST(an_object_cut_while_it_is_read_is_found),
        TEST(two_swapped_objects_are_found),
        TEST(two_swapped_objects_of_equal_length_are_found),
        TEST(a_missing_object_is_named_so),
        TEST(a_reader_goes_on_when_the_object_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
