/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: tokens are kept for their owner alone, per service, and a damaged file
 * is told instead of overwritten. */
#include "api/cli/credentials.h"
#include "api/cli/files.h"

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

struct place {
    char top[64];
    char folder[128]; /* two levels that are not there yet */
    char file[192];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    if (place == NULL) {
        return -1;
    }
    snprintf(place->top, sizeof(place->top), "/tmp/refrain-test.XXXXXX");
    if (mkdtemp(place->top) == NULL) {
        free(place);
        return -1;
    }
    snprintf(place->folder, sizeof(place->folder), "%s/a/refrain", place->top);
    snprintf(place->file, sizeof(place->file), "%s/credentials.json",
             place->folder);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", place->top);
    /* NOLINTNEXTLINE(cert-env33-c): a path of our own making */
    const int code = system(command);

    free(place);
    return code;
}

static void save(const char *folder, const struct credentials *credentials)
{
    struct error err;
    int lock = -1;

    assert_int_equal(credentials_lock(&lock, folder, &err), STATUS_OK);
    assert_int_equal(credentials_save(credentials, folder, &err), STATUS_OK);
    credentials_unlock(lock);
}

static const struct credentials home = {.url = "http://127.0.0.1:1",
                                        .email = "ana@example.org",
                                        .device_id = "dev_1",
                                        .device_name = "desk \"1\"",
                                        .access_token = "rf_a",
                                        .refresh_token = "rf_r",
                                        .access_until_s = 1234567890123};
static const struct credentials away = {.url = "https://example.org/refrain",
                                        .email = "ana@example.org",
                                        .device_id = "dev_2",
                                        .access_token = "rf_b"};

static void nobody_is_signed_in_at_first(void **state)
{
    const struct place *place = *state;
    struct credentials read = {0};
    struct error err;

    assert_int_equal(credentials_load(&read, place->folder, NULL, &err),
                     STATUS_NOT_FOUND);
    assert_string_equal(err.code, "signed_out");
}

static void what_is_saved_is_read(void **state)
{
    const struct place *place = *state;
    struct credentials read = {0};
    struct error err;

    save(place->folder, &home);
    assert_int_equal(credentials_load(&read, place->folder, NULL, &err),
                     STATUS_OK);
    assert_memory_equal(&read, &home, sizeof(home));
}

static void only_the_owner_may_read(void **state)
{
    const struct place *place = *state;
    struct stat facts;

    save(place->folder, &home);
    assert_int_equal(stat(place->file, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(stat(place->folder, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0700);
}

static void the_last_service_comes_first(void **state)
{
    const struct place *place = *state;
    struct credentials read = {0};
    struct error err;

    save(place->folder, &home);
    save(place->folder, &away);
    assert_int_equal(credentials_load(&read, place->folder, NULL, &err),
                     STATUS_OK);
    assert_string_equal(read.url, away.url);
    assert_int_equal(credentials_load(&read, place->folder, home.url, &err),
                     STATUS_OK);
    assert_string_equal(read.access_token, home.access_token);
    assert_int_equal(
        credentials_load(&read, place->folder, "http://127.0.0.1:2", &err),
        STATUS_NOT_FOUND);
}

static void a_service_is_forgotten_alone(void **state)
{
    const struct place *place = *state;
    struct credentials read = {0};
    struct error err;

    save(place->folder, &home);
    save(place->folder, &away);
    assert_int_equal(credentials_forget(away.url, place->folder, &err),
                     STATUS_OK);
    assert_int_equal(credentials_load(&read, place->folder, NULL, &err),
                     STATUS_OK);
    assert_string_equal(read.url, home.url);
    assert_int_equal(credentials_forget(away.url, place->folder, &err),
                     STATUS_OK);
}

static void damage_is_told_and_kept(void **state)
{
    const struct place *place = *state;
    struct credentials read = {0};
    struct buffer bytes = {0};
    struct error err;

    save(place->folder, &home);
    assert_int_equal(files_replace(place->file, "{\"version\":9}", 13, &err),
                     STATUS_OK);
    assert_int_equal(credentials_load(&read, place->folder, NULL, &err),
                     STATUS_CORRUPT);
    assert_int_equal(credentials_save(&home, place->folder, &err),
                     STATUS_CORRUPT);
    assert_int_equal(files_read(&bytes, place->file, 100, &err), STATUS_OK);
    assert_string_equal(buffer_text(&bytes), "{\"version\":9}");
    buffer_clear(&bytes);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_signed_in_at_first), TEST(what_is_saved_is_read),
        TEST(only_the_owner_may_read),      TEST(the_last_service_comes_first),
        TEST(a_service_is_forgotten_alone), TEST(damage_is_told_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
