/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/store.h"

#include "tests/support/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_OPEN_FOLDERS = 16 };

struct store_s3_config test_s3_config(void)
{
    return (struct store_s3_config){
        .endpoint = getenv("REFRAIN_S3_ENDPOINT"),
        .region = getenv("REFRAIN_S3_REGION"),
        .bucket = getenv("REFRAIN_S3_BUCKET"),
        .access_key = getenv("REFRAIN_S3_ACCESS_KEY"),
        .secret_key = getenv("REFRAIN_S3_SECRET_KEY")};
}

static void make_folder(struct test_store *test)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(test->folder, sizeof test->folder, "%s/refrain-store.XXXXXX",
                   base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(test->folder));
}

void test_store_open(struct test_store *out, unsigned page_max)
{
    static unsigned count;
    struct error err = {0};
    *out = (struct test_store){0};
    if (getenv("REFRAIN_S3_ENDPOINT") == NULL) {
        make_folder(out);
        test_expect_ok(store_folder_open(&out->store, out->folder, &err), &err);
        return;
    }
    (void)snprintf(out->prefix, sizeof out->prefix, "test/%d-%u", (int)getpid(),
                   count++);
    out->config = test_s3_config();
    out->config.prefix = out->prefix;
    out->config.page_max = page_max;
    test_expect_ok(store_s3_open(&out->store, &out->config, &err), &err);
}

static int remove_one(const char *path, const struct stat *facts, int kind,
                      struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

void test_store_close(struct test_store *test)
{
    test->store->methods->close(test->store);
    if (test->folder[0] != '\0') {
        (void)nftw(test->folder, remove_one, MAX_OPEN_FOLDERS,
                   FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    }
}

uint8_t *test_object(uint8_t name[SHA256_BYTES], size_t length, uint64_t seed)
{
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    pattern_fill(bytes, length, seed);
    crypto_sha256(name, bytes, length);
    return bytes;
}

void test_store_put(struct store *store, uint8_t name[SHA256_BYTES],
                    size_t length, uint64_t seed)
{
    struct error err = {0};
    uint8_t *bytes = test_object(name, length, seed);
    test_expect_ok(store->methods->put(store, name, bytes, length, &err), &err);
    free(bytes);
}

void test_store_expect(struct store *store, size_t length, uint64_t seed)
{
    struct error err = {0};
    struct store_object *object = NULL;
    uint8_t name[SHA256_BYTES];
    uint8_t *bytes = test_object(name, length, seed);
    uint8_t *back = malloc(length);
    struct iovec piece = {.iov_base = back, .iov_len = length};
    assert_non_null(back);
    test_expect_ok(store->methods->open(store, name, &object, &err), &err);
    assert_int_equal(object->size_bytes, length);
    test_expect_ok(object->methods->read(object, 0, &piece, 1, &err), &err);
    assert_memory_equal(back, bytes, length);
    object->methods->object_close(object);
    free(back);
    free(bytes);
}

bool test_store_has(struct store *store, const uint8_t name[SHA256_BYTES])
{
    struct error err = {0};
    bool has = false;
    test_expect_ok(store->methods->has(store, name, &has, &err), &err);
    return has;
}

void test_expect_error(enum status status, enum status expected,
                       const struct error *err, const char *code)
{
    if (status != expected || strcmp(err->code, code) != 0) {
        print_error("status %d, %s: %s\n", (int)status, err->code, err->text);
    }
    assert_int_equal(status, expected);
    assert_string_equal(err->code, code);
}

void test_expect_ok(enum status status, const struct error *err)
{
    if (status != STATUS_OK) {
        print_error("%s: %s\n", err->code, err->text);
    }
    assert_int_equal(status, STATUS_OK);
}
