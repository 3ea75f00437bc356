/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: a data folder is made once, held by one, and never gets new secrets
 * beside old data. */
#include "api/data_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/redis.h"

static int make_folder(void **state)
{
    static char folder[64];
    test_folder_make(folder);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    test_folder_remove(*state);
    return 0;
}

static void path_in(char out[256], const char *folder, const char *name)
{
    (void)snprintf(out, 256, "%.150s/%.100s", folder, name);
}

static bool exists(const char *folder, const char *name)
{
    char path[256];
    path_in(path, folder, name);
    return access(path, F_OK) == 0;
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char path[256];
    path_in(path, folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static unsigned mode_of(const char *folder, const char *name)
{
    char path[256];
    struct stat facts;
    path_in(path, folder, name);
    assert_int_equal(stat(path, &facts), 0);
    return facts.st_mode & 07777;
}

static void opens(struct data_folder *out, const char *path)
{
    struct error err = {0};
    if (data_folder_open(out, path, &err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
}

static void is_refused(const char *path)
{
    struct data_folder folder;
    struct error err = {0};
    assert_int_equal(data_folder_open(&folder, path, &err), STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "data_folder");
    assert_int_equal(folder.lock_fd, -1);
}

/* A whole first start, up to the end. */
static void start_first(const char *path)
{
    struct data_folder folder;
    char sha256[65];
    opens(&folder, path);
    assert_true(folder.is_first_start);
    assert_int_equal(data_folder_token(&folder, sha256, NULL), STATUS_OK);
    assert_int_equal(data_folder_started(&folder, NULL), STATUS_OK);
    data_folder_close(&folder);
}

static void test_first_and_second_start(void **state)
{
    const char *path = *state;
    struct data_folder folder;
    start_first(path);
    static const char *const made[] = {"vault", "masters", "redis", "spool",
                                       "keys"};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        assert_int_equal(mode_of(path, made[i]), 0700);
    }
    opens(&folder, path);
    assert_false(folder.is_first_start);
    data_folder_close(&folder);
}

static void test_makes_the_folder(void **state)
{
    char path[256];
    path_in(path, *state, "deep");
    start_first(path);
    assert_true(exists(path, "format"));
    path_in(path, *state, "no/such/parent");
    is_refused(path);
}

/* The crash may come anywhere before "format" is there. */
static void test_cut_off_first_start_is_repeated(void **state)
{
    const char *path = *state;
    struct data_folder folder;
    char before[65];
    char after[65];
    opens(&folder, path);
    assert_int_equal(data_folder_token(&folder, before, NULL), STATUS_OK);
    data_folder_close(&folder);
    write_text(path, "new.tmp", "half");
    write_text(path, "keys/master.key", "half");

    opens(&folder, path);
    assert_true(folder.is_first_start);
    assert_int_equal(data_folder_token(&folder, after, NULL), STATUS_OK);
    assert_string_equal(before, after);
    data_folder_close(&folder);
}

/* Keys made anew would lock this chunk away for ever. */
static void test_data_without_format(void **state)
{
    const char *path = *state;
    char format[256];
    start_first(path);
    path_in(format, path, "format");
    assert_int_equal(unlink(format), 0);
    write_text(path, "vault/chunk", "sealed");
    is_refused(path);
    assert_true(exists(path, "vault/chunk"));
}

static void test_foreign_folder(void **state)
{
    const char *path = *state;
    write_text(path, "letter.txt", "dear");
    is_refused(path);
    assert_false(exists(path, "lock"));
    assert_false(exists(path, "keys"));
    assert_true(exists(path, "letter.txt"));
}

static void test_other_format(void **state)
{
    const char *path = *state;
    start_first(path);
    write_text(path, "format", "refrain data folder, format 2\n");
    is_refused(path);
}

static void test_held_by_one(void **state)
{
    const char *path = *state;
    struct data_folder folder;
    opens(&folder, path);
    is_refused(path);
    data_folder_close(&folder);
    opens(&folder, path);
    data_folder_close(&folder);
}

static void test_is_a_file(void **state)
{
    char path[256];
    write_text(*state, "file", "");
    path_in(path, *state, "file");
    is_refused(path);
}

/* ---- the operator's token ---- */

static void read_token(const char *folder, char token[128])
{
    char path[256];
    path_in(path, folder, "operator.token");
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t got = fread(token, 1, 127, file);
    token[got] = '\0';
    assert_int_equal(fclose(file), 0);
}

static void test_token(void **state)
{
    const char *path = *state;
    struct data_folder folder;
    char first[65];
    char again[65];
    char token[128];
    opens(&folder, path);
    assert_int_equal(data_folder_token(&folder, first, NULL), STATUS_OK);
    assert_int_equal(mode_of(path, "operator.token"), 0600);
    read_token(path, token);
    assert_int_equal(strlen(token), 65); /* 256 bits in hex, a newline */
    assert_int_equal(strspn(token, "0123456789abcdef"), 64);
    assert_null(strstr(token, first)); /* the hash is not the token */
    assert_int_equal(data_folder_token(&folder, again, NULL), STATUS_OK);
    assert_string_equal(first, again);
    data_folder_close(&folder);
}

/* Its SHA-256 is of the 64 digits alone. Checked with: printf 0…0 | sha256sum
 */
static void test_known_token(void **state)
{
    const char *path = *state;
    struct data_folder folder;
    char sha256[65];
    opens(&folder, path);
    write_text(
        path, "operator.token",
        "0000000000000000000000000000000000000000000000000000000000000000\n");
    assert_int_equal(data_folder_token(&folder, sha256, NULL), STATUS_OK);
    assert_string_equal(
        sha256,
        "60e05bd1b195af2f94112fa7197a5c88289058840ce7c6df9693756bc6250f55");
    data_folder_close(&folder);
}

static void test_removed_token_is_changed(void **state)
{
    const char *path = *state;
    struct data_folder folder;
    char before[65];
    char after[65];
    char file[256];
    opens(&folder, path);
    assert_int_equal(data_folder_token(&folder, before, NULL), STATUS_OK);
    path_in(file, path, "operator.token");
    assert_int_equal(unlink(file), 0);
    assert_int_equal(data_folder_token(&folder, after, NULL), STATUS_OK);
    assert_string_not_equal(before, after);
    data_folder_close(&folder);
}

static void test_damaged_token(void **state)
{
    const char *path = *state;
    static const char *const damaged[] = {
        "", "abc\n",
        "000000000000000000000000000000000000000000000000000000000000000g\n",
        "0000000000000000000000000000000000000000000000000000000000000000"
        "0000\n"};
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        struct data_folder folder;
        char sha256[65];
        struct error err = {0};
        opens(&folder, path);
        write_text(path, "operator.token", damaged[i]);
        assert_int_equal(data_folder_token(&folder, sha256, &err),
                         STATUS_UNAVAILABLE);
        data_folder_close(&folder);
    }
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_first_and_second_start),
        TEST(test_makes_the_folder),
        TEST(test_cut_off_first_start_is_repeated),
        TEST(test_data_without_format),
        TEST(test_foreign_folder),
        TEST(test_other_format),
        TEST(test_held_by_one),
        TEST(test_is_a_file),
        TEST(test_token),
        TEST(test_known_token),
        TEST(test_removed_token_is_changed),
        TEST(test_damaged_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
