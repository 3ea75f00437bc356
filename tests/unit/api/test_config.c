/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: settings come from defaults, then the file, then the command line; a
 * wrong one is named with what is allowed. What --help and --print-config
 * write, tests/e2e/config.sh shows. */
#include "api/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 8 };

static enum status read_arguments(struct config *out, struct error *err,
                                  const char *const *arguments)
{
    char program[] = "refraind";
    char copies[ARGUMENTS_MAX][600];
    char *argv[ARGUMENTS_MAX + 2] = {program};
    int argc = 1;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert_true(i < ARGUMENTS_MAX);
        (void)snprintf(copies[i], sizeof copies[i], "%s", arguments[i]);
        argv[argc++] = copies[i];
    }
    return config_read(out, argc, argv, err);
}
#define READ(out, err, ...)                                                    \
    read_arguments(out, err, (const char *const[]){__VA_ARGS__, NULL})

/* A file with `text`, removed by the caller. */
static void make_file(char path[32], const char *text)
{
    (void)snprintf(path, 32, "/tmp/refrain-config.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
}

static enum status read_text(struct config *out, struct error *err,
                             const char *text)
{
    char path[32];
    make_file(path, text);
    enum status status = READ(out, err, "--config", path);
    assert_int_equal(unlink(path), 0);
    return status;
}

static void test_defaults(void **state)
{
    (void)state;
    struct config config;
    struct error err = {0};
    assert_int_equal(READ(&config, &err, "--data", "d"), STATUS_OK);
    assert_string_equal(config.data, "d");
    assert_string_equal(config.redis, ""); /* embedded, as the contract says */
    assert_true(config.signup_open);       /* contract: open by default */
    assert_int_equal(config.trial_days, 30); /* contract */
    assert_int_equal(config.loops, 0);
}

static void test_data_is_needed(void **state)
{
    (void)state;
    struct config config;
    struct error err = {0};
    assert_int_equal(READ(&config, &err, "--loops=1"), STATUS_INVALID);
    assert_string_equal(err.code, "bad_config");
    assert_non_null(strstr(err.text, "--data"));
}

static void test_order(void **state)
{
    (void)state;
    struct config config;
    struct error err = {0};
    char path[32];
    make_file(path, "data = from-file\ntrial_days = 5\n"
                    "; a comment\n# another\n\nsignup = closed\n");
    assert_int_equal(READ(&config, &err, "--trial-days=6", "--config", path),
                     STATUS_OK);
    assert_string_equal(config.data, "from-file");
    assert_int_equal(config.trial_days, 6);
    assert_false(config.signup_open);
    assert_int_equal(unlink(path), 0);
}

static void test_numbers(void **state)
{
    (void)state;
    struct config config;
    struct error err = {0};
    assert_int_equal(READ(&config, &err, "--data=d", "--quota-bytes=5G",
                          "--upload-max-bytes=10M", "--release-max-bytes=4096",
                          "--matchers=64"),
                     STATUS_OK);
    assert_true(config.quota_bytes == UINT64_C(5368709120));
    assert_true(config.upload_max_bytes == UINT64_C(10485760));
    assert_true(config.release_max_bytes == UINT64_C(4096));
    assert_int_equal(config.matchers, 64);
}

static void test_wrong_values(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"--trial-days=x", "trial_days"},
        {"--trial-days=-1", "trial_days"},
        {"--trial-days=", "trial_days"},
        {"--trial-days=3651", "trial_days"},
        {"--trial-days=1K", "trial_days"},
        {"--matchers=65", "matchers"},
        {"--quota-bytes=1.5G", "quota_bytes"},
        {"--quota-bytes=1GB", "quota_bytes"},
        {"--quota-bytes=99999999T", "quota_bytes"},
        {"--quota-bytes=99999999999999999999", "quota_bytes"},
        {"--upload-max-bytes=1023", "upload_max_bytes"},
        {"--signup=maybe", "signup"},
        {"--connections-max=0", "connections_max"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config config;
        struct error err = {0};
        if (READ(&config, &err, "--data=d", wrong[i][0]) != STATUS_INVALID) {
            fail_msg("%s was taken", wrong[i][0]);
        }
        assert_string_equal(err.code, "bad_config");
        assert_non_null(strstr(err.text, wrong[i][1]));
    }
}

static void test_text_too_long(void **state)
{
    (void)state;
    char value[CONFIG_TEXT_SIZE + 10] = "--data=";
    struct config config;
    struct error err = {0};
    memset(value + 7, 'a', CONFIG_TEXT_SIZE - 1);
    assert_int_equal(READ(&config, &err, value), STATUS_OK);
    assert_int_equal(strlen(config.data), CONFIG_TEXT_SIZE - 1);
    value[7 + CONFIG_TEXT_SIZE - 1] = 'a';
    assert_int_equal(READ(&config, &err, value), STATUS_INVALID);
}

static void test_wrong_files(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"data = d\nnonsense = 1\n", "nonsense"},
        {"data = d\ntrial-days = 1\n", "trial-days"},
        {"data = d\ntrial_days = 1\ntrial_days = 2\n", "twice"},
        {"[section]\ndata = d\n", "section"},
        {"data = d\nno value\n", "line 2"},
        {"data = d\ntrial_days = many\n", "trial_days"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config config;
        struct error err = {0};
        if (read_text(&config, &err, wrong[i][0]) != STATUS_INVALID) {
            fail_msg("taken: %s", wrong[i][0]);
        }
        assert_string_equal(err.code, "bad_config");
        if (strstr(err.text, wrong[i][1]) == NULL) {
            fail_msg("\"%s\" does not name %s", err.text, wrong[i][1]);
        }
    }
}

/* inih would take a line that does not fit its buffer for two. */
static void test_long_line(void **state)
{
    (void)state;
    char text[400] = "data = ";
    struct config config;
    struct error err = {0};
    memset(text + 7, 'a', 300);
    memcpy(text + 307, "\n", 2);
    assert_int_equal(read_text(&config, &err, text), STATUS_INVALID);
    assert_non_null(strstr(err.text, "longer"));
}

static void test_missing_file(void **state)
{
    (void)state;
    struct config config;
    struct error err = {0};
    assert_int_equal(READ(&config, &err, "--config=/nonexistent/x"),
                     STATUS_INVALID);
    assert_non_null(strstr(err.text, "/nonexistent/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_data_is_needed),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_text_too_long),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_missing_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
