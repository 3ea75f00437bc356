/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: every kind of store does what store.h says. Runs on a folder, and on
 * S3 when tests/e2e/s3.sh says where one is. */
#include "tests/support/pattern.h"
#include "tests/support/store.h"

#include "catalog/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The largest object of the vault, and around it steps in which S3 is read. */
enum {
    LARGEST = 16 + 64 * 16400,
    STEP = 272 * 1024,
    OBJECTS = 11,
    PAGE = 3, /* objects a page of S3's listings */
    THREADS = 8,
};

struct fixture {
    struct test_store test;
    struct store *store; /* of `test` */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    test_store_open(&fixture->test, PAGE);
    fixture->store = fixture->test.store;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    test_store_close(&fixture->test);
    free(fixture);
    return 0;
}

static void objects_of_every_length_come_back(void **state)
{
    struct fixture *fixture = *state;
    static const size_t lengths[] = {
        1, 33, 16416, STEP - 1, STEP, STEP + 1, 2 * (size_t)STEP, LARGEST};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t name[SHA256_BYTES];
        test_store_put(fixture->store, name, lengths[i], i);
        assert_true(test_store_has(fixture->store, name));
        test_store_expect(fixture->store, lengths[i], i);
    }
}

static void an_object_may_be_stored_again(void **state)
{
    struct fixture *fixture = *state;
    uint8_t name[SHA256_BYTES];
    for (int i = 0; i < 3; i++) {
        test_store_put(fixture->store, name, 1000, 1);
    }
    test_store_expect(fixture->store, 1000, 1);
}

/* Reads into three pieces of which one is empty. */
static void expect_slice(struct store_object *object, const uint8_t *bytes,
                         uint64_t offset, size_t length)
{
    struct error err = {0};
    uint8_t *back = malloc(length + 1);
    size_t cut = length / 3;
    struct iovec pieces[] = {{.iov_base = back, .iov_len = cut},
                             {.iov_base = back + cut, .iov_len = 0},
                             {.iov_base = back + cut, .iov_len = length - cut}};
    assert_non_null(back);
    back[length] = 0xa5;
    test_expect_ok(object->methods->read(object, offset, pieces, 3, &err),
                   &err);
    assert_memory_equal(back, bytes + offset, length);
    assert_int_equal(back[length], 0xa5);
    free(back);
}

static void any_range_is_the_slice(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct store_object *object = NULL;
    uint8_t name[SHA256_BYTES];
    uint64_t random = 3;
    uint8_t *bytes = test_object(name, LARGEST, 7);
    test_store_put(fixture->store, name, LARGEST, 7);
    test_expect_ok(
        fixture->store->methods->open(fixture->store, name, &object, &err),
        &err);
    for (int i = 0; i < 60; i++) {
        static const size_t limits[] = {16, 16400, 300000, LARGEST};
        size_t offset = pattern_below(&random, LARGEST);
        size_t length = 1 + pattern_below(&random, limits[i % 4]);
        size_t left = LARGEST - offset;
        expect_slice(object, bytes, offset, length < left ? length : left);
    }
    for (size_t at = 0; at + 16400 <= LARGEST; at += 16400) {
        expect_slice(object, bytes, at, 16400);
    }
    expect_slice(object, bytes, LARGEST - 1, 1);
    object->methods->object_close(object);
    free(bytes);
}

static void nothing_is_read_beyond_the_end(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        uint64_t offset;
        size_t length;
    } cases[] = {{0, 101}, {100, 1}, {99, 2}, {5000, 1}, {1U << 30, 50}};
    struct error err = {0};
    struct store_object *object = NULL;
    uint8_t name[SHA256_BYTES];
    test_store_put(fixture->store, name, 100, 7);
    test_expect_ok(
        fixture->store->methods->open(fixture->store, name, &object, &err),
        &err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t back[200];
        struct iovec piece = {.iov_base = back, .iov_len = cases[i].length};
        test_expect_error(
            object->methods->read(object, cases[i].offset, &piece, 1, &err),
            STATUS_CORRUPT, &err, "chunk_corrupt");
    }
    object->methods->object_close(object);
}

static void a_missing_object_is_missing(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct store_object *object = NULL;
    uint8_t name[SHA256_BYTES] = {1, 2, 3};
    assert_false(test_store_has(fixture->store, name));
    test_expect_error(
        fixture->store->methods->open(fixture->store, name, &object, &err),
        STATUS_UNAVAILABLE, &err, "chunk_missing");
    assert_null(object);
}

static void removing_twice_is_fine(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    struct error err = {0};
    uint8_t name[SHA256_BYTES];
    uint8_t other[SHA256_BYTES];
    test_store_put(store, name, 1000, 1);
    test_store_put(store, other, 1000, 2);
    for (int i = 0; i < 2; i++) {
        test_expect_ok(store->methods->remove(store, name, &err), &err);
        assert_false(test_store_has(store, name));
    }
    test_store_expect(store, 1000, 2);
    test_store_put(store, name, 1000, 1);
    test_store_expect(store, 1000, 1);
}

static void it_can_be_written(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    for (int i = 0; i < 2; i++) {
        test_expect_ok(fixture->store->methods->probe(fixture->store, &err),
                       &err);
    }
}

/* --- listing ---------------------------------------------------------------
 */

struct seen {
    struct store *store;
    struct store_entry entries[OBJECTS + 1];
    size_t count;
    size_t stop_at; /* 0: never */
    bool remove;
};

static enum status see(void *context, const struct store_entry *entry,
                       struct error *err)
{
    struct seen *seen = context;
    assert_true(seen->count < OBJECTS + 1);
    seen->entries[seen->count++] = *entry;
    if (seen->count == seen->stop_at) {
        return error_set(err, STATUS_LIMIT, "enough", "enough");
    }
    return seen->remove
               ? seen->store->methods->remove(seen->store, entry->name, err)
               : STATUS_OK;
}

static void list_all(struct fixture *fixture, const uint8_t *after,
                     struct seen *seen)
{
    struct error err = {0};
    seen->store = fixture->store;
    test_expect_ok(
        fixture->store->methods->list(fixture->store, after, see, seen, &err),
        &err);
}

static int compare_entries(const void *a, const void *b)
{
    const struct store_entry *left = a;
    const struct store_entry *right = b;
    return memcmp(left->name, right->name, SHA256_BYTES);
}

/* Puts OBJECTS objects of 40, 41, … bytes; gives them in order of name. */
static void put_many(struct fixture *fixture, struct store_entry *out)
{
    for (size_t i = 0; i < OBJECTS; i++) {
        out[i].size_bytes = 40 + i;
        test_store_put(fixture->store, out[i].name, 40 + i, i);
    }
    qsort(out, OBJECTS, sizeof *out, compare_entries);
}

static void expect_seen(const struct seen *seen,
                        const struct store_entry *expected, size_t count)
{
    assert_int_equal(seen->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_memory_equal(seen->entries[i].name, expected[i].name,
                            SHA256_BYTES);
        assert_int_equal(seen->entries[i].size_bytes, expected[i].size_bytes);
    }
}

static void an_empty_store_lists_nothing(void **state)
{
    struct seen seen = {0};
    list_all(*state, NULL, &seen);
    assert_int_equal(seen.count, 0);
}

static void all_objects_are_listed_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct store_entry objects[OBJECTS];
    struct error err = {0};
    struct seen seen = {0};
    put_many(fixture, objects);
    /* on S3 it leaves an object that is none */
    test_expect_ok(fixture->store->methods->probe(fixture->store, &err), &err);
    list_all(fixture, NULL, &seen);
    expect_seen(&seen, objects, OBJECTS);
}

static void a_listing_goes_on_behind_any_name(void **state)
{
    struct fixture *fixture = *state;
    struct store_entry objects[OBJECTS];
    put_many(fixture, objects);
    for (size_t i = 0; i < OBJECTS; i += 5) {
        struct seen seen = {0};
        list_all(fixture, objects[i].name, &seen);
        expect_seen(&seen, objects + i + 1, OBJECTS - i - 1);
    }
    struct seen seen = {0};
    uint8_t between[SHA256_BYTES];
    memcpy(between, objects[7].name, sizeof between);
    between[SHA256_BYTES - 1] ^= between[SHA256_BYTES - 1] == 255 ? 0 : 1;
    bool above = memcmp(between, objects[7].name, sizeof between) > 0;
    list_all(fixture, between, &seen);
    expect_seen(&seen, objects + 7 + above, OBJECTS - 7 - above);
}

static void a_visit_can_end_the_listing(void **state)
{
    struct fixture *fixture = *state;
    struct store_entry objects[OBJECTS];
    struct error err = {0};
    struct seen seen = {.stop_at = PAGE + 2};
    put_many(fixture, objects);
    test_expect_error(
        fixture->store->methods->list(fixture->store, NULL, see, &seen, &err),
        STATUS_LIMIT, &err, "enough");
    expect_seen(&seen, objects, PAGE + 2);
}

static void a_visit_may_remove_what_it_sees(void **state)
{
    struct fixture *fixture = *state;
    struct store_entry objects[OBJECTS];
    struct seen seen = {.remove = true};
    struct seen left = {0};
    put_many(fixture, objects);
    list_all(fixture, NULL, &seen);
    expect_seen(&seen, objects, OBJECTS);
    list_all(fixture, NULL, &left);
    assert_int_equal(left.count, 0);
}

static void plant_file(const struct fixture *fixture, const char *name)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", fixture->test.folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

/* Of the folder alone: into a bucket nothing else gets so easily. */
static void other_files_are_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct store_entry objects[OBJECTS];
    struct seen seen = {0};
    char hex[2 * SHA256_BYTES + 1];
    char path[PATH_MAX];
    if (fixture->test.folder[0] == '\0') {
        skip();
    }
    put_many(fixture, objects);
    plant_file(fixture, "README");
    plant_file(fixture, "00/README");
    plant_file(fixture, "tmp/put_1");
    hex_encode(hex, objects[0].name, SHA256_BYTES);
    (void)snprintf(path, sizeof path, "%.2s/%s.bak", hex, hex);
    plant_file(fixture, path);
    hex[0] = hex[0] == 'a' ? 'b' : 'a';
    (void)snprintf(path, sizeof path, "00/%s", hex);
    plant_file(fixture, path); /* in the wrong folder */
    list_all(fixture, NULL, &seen);
    expect_seen(&seen, objects, OBJECTS);
}

/* --- threads ---------------------------------------------------------------
 */

static void *work(void *context)
{
    struct store *store = context;
    for (uint64_t seed = 0; seed < 4; seed++) {
        uint8_t name[SHA256_BYTES];
        test_store_put(store, name, 30000, seed);
        assert_true(test_store_has(store, name));
        test_store_expect(store, 30000, seed);
    }
    return NULL;
}

static void threads_share_a_store(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(
            pthread_create(threads + i, NULL, work, fixture->store), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

#define STORE_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(objects_of_every_length_come_back),
        STORE_TEST(an_object_may_be_stored_again),
        STORE_TEST(any_range_is_the_slice),
        STORE_TEST(nothing_is_read_beyond_the_end),
        STORE_TEST(a_missing_object_is_missing),
        STORE_TEST(removing_twice_is_fine),
        STORE_TEST(it_can_be_written),
        STORE_TEST(an_empty_store_lists_nothing),
        STORE_TEST(all_objects_are_listed_in_order),
        STORE_TEST(a_listing_goes_on_behind_any_name),
        STORE_TEST(a_visit_can_end_the_listing),
        STORE_TEST(a_visit_may_remove_what_it_sees),
        STORE_TEST(other_files_are_passed_over),
        STORE_TEST(threads_share_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
