/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/devices.h"
#include "catalog/library/fix.h"
#include "catalog/library/unmatched.h"
#include "catalog/redis/keys.h"
#include "tests/support/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct test_library library;
static char account[ID_SIZE]; /* a new one for every test */

static const int64_t NOW_MS = 1700000002000;

static int setup(void **state)
{
    (void)state;
    test_library_start(&library);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_library_stop(&library);
    return 0;
}

static int new_account(void **state)
{
    (void)state;
    test_account_next(&library, account);
    return 0;
}

/* Adds a track; its id. */
static void add(enum entry_status status, const char *recording_id,
                const char *content, char out_id[ID_SIZE])
{
    test_track_add(&library, account, status, recording_id, content, out_id);
}

/* CRC-16/XMODEM, as the Redis Cluster specification says ("Hash tags" and
 * appendix A; its check value: crc("123456789") is 0x31c3). */
static uint16_t crc16(const char *bytes, size_t length)
{
    unsigned crc = 0;
    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned)(unsigned char)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
        }
    }
    return (uint16_t)(crc & 0xffff);
}

static unsigned slot(const char *key)
{
    const char *open = strchr(key, '{');
    const char *close = open == NULL ? NULL : strchr(open, '}');
    if (close == NULL || close == open + 1) {
        return crc16(key, strlen(key)) % 16384;
    }
    return crc16(open + 1, (size_t)(close - open - 1)) % 16384;
}

static struct redis_reply *all_keys(const char *pattern)
{
    struct redis_reply *reply = NULL;
    const struct redis_arg args[] = {redis_text("KEYS"), redis_text(pattern)};
    assert_int_equal(redis_call(library.redis, &reply, args, 2, NULL),
                     STATUS_OK);
    return reply;
}

/* Leaves one of every kind of key behind. */
static void use_everything(struct device_tokens *tokens)
{
    char id[ID_SIZE];
    struct upload wanted = {.id = "upl_1", .filename = "a", .size_bytes = 1};
    struct buffer packed = {0};
    struct upload out;
    bool known = false;
    memcpy(wanted.account_id, account, ID_SIZE);
    assert_int_equal(
        device_sign_in(library.redis, account, "Phone", NOW_MS, tokens, NULL),
        STATUS_OK);
    unsigned attempts = 0;
    add(ENTRY_MATCHED, "rec_1", "one", id);
    assert_int_equal(library_fix(library.redis, account, id, NOW_MS, NULL),
                     STATUS_OK);
    assert_int_equal(
        unmatched_attempt(library.redis, account, id, &attempts, NULL),
        STATUS_OK);
    add(ENTRY_UPLOADED, "", "two", id);
    add(ENTRY_UPLOADED, "", "three", id);
    assert_int_equal(library_remove(library.redis, account, id, NOW_MS, NULL),
                     STATUS_OK);
    assert_int_equal(upload_create(library.redis, &wanted, "client's key", &out,
                                   &known, NULL),
                     STATUS_OK);
    assert_int_equal(buffer_append(&packed, "print", 5, NULL), STATUS_OK);
    const struct entry entry = test_entry(ENTRY_UPLOADED, "", "four");
    const struct upload_outcome outcome = {.status = UPLOAD_UPLOADED,
                                           .reason = "no_candidate",
                                           .entry = &entry,
                                           .manifest = &packed,
                                           .print = &packed};
    assert_int_equal(
        upload_finish(library.redis, account, "upl_1", &outcome, &out, NULL),
        STATUS_OK);
    buffer_clear(&packed);
}

static void all_keys_of_an_account_share_a_cluster_slot(void **state)
{
    (void)state;
    struct device_tokens tokens;
    char pattern[KEY_SIZE];
    assert_int_equal(crc16("123456789", 9), 0x31c3);
    use_everything(&tokens);
    (void)snprintf(pattern, sizeof pattern, "*%s*", account);
    struct redis_reply *keys = all_keys(pattern);
    struct key first = key_of_account(KEY_ACCOUNT, account, "");
    /* 16 kinds; four uploads, four tracks and three manifests */
    assert_int_equal(redis_reply_count(keys), 16 + 3 + 3 + 2);
    for (size_t i = 0; i < redis_reply_count(keys); i++) {
        size_t length = 0;
        assert_int_equal(
            slot(redis_reply_bytes(redis_reply_at(keys, i), &length)),
            slot(first.text));
    }
    redis_reply_free(keys);
    /* and nothing of it lies outside, but for its name among those that have
     * unmatched tracks */
    keys = all_keys("*");
    for (size_t i = 0; i < redis_reply_count(keys); i++) {
        size_t length = 0;
        const char *key = redis_reply_bytes(redis_reply_at(keys, i), &length);
        assert_true(strncmp(key, "{a:", 3) == 0 ||
                    strncmp(key, "email:", 6) == 0 ||
                    strcmp(key, key_accounts().text) == 0 ||
                    strcmp(key, key_unmatched_accounts().text) == 0);
    }
    redis_reply_free(keys);
}

/* Reads all files under `folder` (one level of folders) into `out`. */
static void read_files(const char *folder, struct buffer *out)
{
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (struct dirent *file = readdir(listing); file != NULL;
         file = readdir(listing)) {
        char path[512];
        struct stat about;
        (void)snprintf(path, sizeof path, "%s/%s", folder, file->d_name);
        if (file->d_name[0] == '.' || stat(path, &about) != 0) {
            continue;
        }
        if (S_ISDIR(about.st_mode)) {
            read_files(path, out);
        } else if (S_ISREG(about.st_mode)) {
            char piece[4096];
            int fd = open(path, O_RDONLY);
            assert_true(fd >= 0);
            for (ssize_t got = read(fd, piece, sizeof piece); got > 0;
                 got = read(fd, piece, sizeof piece)) {
                assert_int_equal(buffer_append(out, piece, (size_t)got, NULL),
                                 STATUS_OK);
            }
            (void)close(fd);
        }
    }
    (void)closedir(listing);
}

static bool holds(const struct buffer *bytes, const char *text)
{
    return bytes->bytes != NULL &&
           memmem(bytes->bytes, bytes->length, text, strlen(text)) != NULL;
}

static void no_secret_is_in_the_files_of_redis(void **state)
{
    (void)state;
    struct device_tokens tokens;
    struct device_tokens next;
    struct buffer files = {0};
    use_everything(&tokens);
    assert_int_equal(
        device_refresh(library.redis, tokens.refresh, NOW_MS, &next, NULL),
        STATUS_OK);
    char id[ID_SIZE];
    assert_int_equal(account_authenticate(library.redis, TEST_EMAIL,
                                          TEST_PASSWORD, id, NULL),
                     STATUS_OK);
    read_files(library.server.folder, &files);
    assert_true(holds(&files, account)); /* the right files were read */
    assert_true(holds(&files, tokens.device_id));
    const char *const secrets[] = {
        strchr(tokens.access, '.') + 1,
        strchr(tokens.refresh, '.') + 1,
        strchr(next.access, '.') + 1,
        strchr(next.refresh, '.') + 1,
        TEST_PASSWORD,
        "client's key",
    };
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        assert_false(holds(&files, secrets[i]));
    }
    buffer_clear(&files);
    struct redis_reply *keys = all_keys("*[eE]xample*");
    assert_int_equal(redis_reply_count(keys), 0);
    redis_reply_free(keys);
}

#define FRESH(name) cmocka_unit_test_setup(name, new_account)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(all_keys_of_an_account_share_a_cluster_slot),
        FRESH(no_secret_is_in_the_files_of_redis),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
